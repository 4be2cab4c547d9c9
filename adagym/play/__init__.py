"""Playing by hand: the game and its moves, the plain mode for any terminal, and the full-screen app."""
