"""One message at a time, shown beside what it is about (ui/message.py)."""

KINDS = ("info", "success", "warning", "error")
# where a message is shown: part of the panel of a case, or of the panel of learning
CASE_PLACES = ("series", "segment", "result", "export")
LEARN_PLACES = ("labels", "next", "learn")


class Messages:
    def __init__(self, state):
        self._state = state
        state.update({"fs_message": "", "fs_message_kind": "info", "fs_message_place": "series"})

    def say(self, text, kind="info", place="segment"):
        """Show `text` (a string or sentences) at `place`; "" takes the message away."""
        if not isinstance(text, str):
            text = " ".join(text)
        assert kind in KINDS and place in CASE_PLACES + LEARN_PLACES, (kind, place)
        self._state.update({"fs_message": text, "fs_message_kind": kind, "fs_message_place": place})

    @property
    def home(self):
        """The panel that the message belongs to: "case" or "learn"."""
        return "case" if self._state.fs_message_place in CASE_PLACES else "learn"

    def clear(self):
        self._state.fs_message = ""
