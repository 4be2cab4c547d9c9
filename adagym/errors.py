"""All errors adagym raises on purpose.

.. code-block:: text

    AdagymError
    ├── UsageError          a wrong argument, name, folder or file: the user can mend it   (CLI exit code 2)
    │   ├── UnknownName     nothing is registered under that name
    │   ├── DuplicateName   something already is
    │   ├── MissingExtra    an optional dependency is not installed
    │   └── DataError       a task, map or picture on disk cannot be used
    ├── ToolError           a call failed for a reason the model should read; the episode goes on
    └── InfraError          a worker, server or bug failed; the episode is void, never scored 0
        ├── ToolTimeout         a call took longer than its time limit
        ├── ToolOutOfMemory     a call needed more memory than its worker may have
        └── ServerUnavailable   no tool server could be reached, or none kept the connection
"""

from __future__ import annotations

import importlib
from enum import IntEnum
from types import ModuleType


class ErrorCode(IntEnum):
    """Codes of the tool result envelope (AdaReasoner, ``tool_server/utils/error_codes.py``)."""

    SUCCESS = 0
    INVALID_PARAMETERS = 201
    TOOL_NOT_FOUND = 202
    TOOL_RUN_FAILED = 203
    CANNOT_LOAD_IMAGE = 204
    MISSING_REQUIRED_PARAMETER = 205


class AdagymError(Exception):
    """Base of every error adagym raises on purpose."""


class UsageError(AdagymError):
    """What the caller gave cannot be used. The message says what was expected and what to do."""


class UnknownName(UsageError):
    """Nothing is registered under the given name."""


class DuplicateName(UsageError):
    """A name was registered twice."""


class MissingExtra(UsageError):
    """An optional dependency is needed and not installed."""


class DataError(UsageError):
    """A task, map or picture on disk is missing or malformed."""


class ToolError(AdagymError):
    """A tool call failed for a reason the model should read; the episode goes on."""

    def __init__(self, message: str, code: ErrorCode = ErrorCode.TOOL_RUN_FAILED, parameter: str | None = None) -> None:
        """Keep the code and, where one parameter is to blame, its name."""
        super().__init__(message)
        self.code = code
        self.parameter = parameter


class InfraError(AdagymError):
    """A worker, a server or a bug failed. The episode is void and is never scored."""


class ToolTimeout(InfraError):
    """A call of a tool took longer than its time limit."""


class ToolOutOfMemory(InfraError):
    """A call of a tool needed more memory than its worker may have."""


class ServerUnavailable(InfraError):
    """No tool server could be reached, or none kept the connection for as long as a call took."""


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency, or say which pip line installs it.

    Args:
        module: Import name, for example ``torch``.
        extra: Name of the adagym extra that brings it, for example ``train``.

    Raises:
        MissingExtra: The module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise MissingExtra(
            f"`{module}` is not installed, and this feature needs it. Run: pip install 'adagym[{extra}]'"
        ) from error
