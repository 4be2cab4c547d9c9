"""Screens: pages of UI kits rendered with random content, records of what they show, and questions about them."""
