"""The kinds of event that the agent logs, with their journal message ids and priorities.

A MESSAGE_ID never changes its meaning; systemd/mast-agent.catalog explains each of them.
"""

from __future__ import annotations

import enum
import syslog


class Event(enum.Enum):
    """One kind of event: name, MESSAGE_ID (32 hex digits), syslog priority."""

    STARTED = ("1dff2695f64443d398cc774c064cc1ef", syslog.LOG_INFO)
    OVERRULED = ("b21f63d7711b49c1a3723c1bbcfc1a52", syslog.LOG_WARNING)
    WAITING = ("87c96e5cc31e4df0a62870d463a67dbc", syslog.LOG_NOTICE)
    PHASE_DONE = ("7ccb4475020a4363bcb0ddd7c965514b", syslog.LOG_INFO)
    EVAL_STARTED = ("b762d9ee18d745179ee9a7843471bb75", syslog.LOG_INFO)
    EVAL_OUTPUT = ("a1294040dede4cb394cdd673309c5111", syslog.LOG_INFO)
    EVAL_ENDED = ("d2c45d902aed41309db9c30c4f1b55fc", syslog.LOG_INFO)
    ENROLLED = ("5aa6695c37554fd9a5121ad3b5a7db7d", syslog.LOG_NOTICE)
    ALREADY_ENROLLED = ("7e98031504e24743bbe4f67d82e3262c", syslog.LOG_INFO)
    FAILED = ("bde9c126716247948155d07dae4cdb66", syslog.LOG_ERR)
    STOPPED = ("f25fd504b3b74fe489af640a0a38a1a4", syslog.LOG_NOTICE)
    RECORD_PROBLEM = ("fca37bddd91743bbb5228089c80f89fa", syslog.LOG_WARNING)
    POOLER = ("edc4325803b648b884f680f74ae68610", syslog.LOG_WARNING)
    KEY_UNKNOWN = ("021974ef960b45dba7810b5b6f363311", syslog.LOG_WARNING)
    ROW_DIFFERS = ("86d4dcca7822493097216524551cbaba", syslog.LOG_WARNING)
    ROW_UPDATED = ("cb13d3a3b0b144f7ae9a1d5081e22e96", syslog.LOG_NOTICE)
    MIGRATIONS_RETIRED = ("cb891694a33b4a2bbf9e7f466080ba1c", syslog.LOG_NOTICE)
    ACCESS_GRANTED = ("cfcc3a0adf9a464b95b4c4db2954500c", syslog.LOG_NOTICE)
    LOGIN_TRIED = ("2e8fea48475342c8a986399a4dbc75bd", syslog.LOG_INFO)
    LOGIN_FAILED = ("0424536da2a645568a3219ba705df52d", syslog.LOG_WARNING)
    ACCESS_REVOKED = ("954502c41cfe4c0aa185929fa3e56083", syslog.LOG_NOTICE)
    ACCESS_FAILED = ("730df32e0f7e46c3931f32aa7cc3ada9", syslog.LOG_ERR)

    def __init__(self, message_id: str, priority: int) -> None:
        self.message_id = message_id
        self.priority = priority
