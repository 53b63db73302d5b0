"""`Finding`: one line of the report."""

from __future__ import annotations

from skerry.records import dataclass

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True)
class Finding:
    """``status``: ok; warn: something less common will not work; fail: containers with a port will not run.

    ``detail`` is what was found, ``consequence`` what stops working, ``remedy`` a command or the place to change."""

    area: str
    name: str
    status: str
    detail: str
    consequence: str = ""
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """For --json."""
        return {
            "Area": self.area, "Name": self.name, "Status": self.status, "Detail": self.detail,
            "Consequence": self.consequence, "Remedy": self.remedy,
        }  # fmt: skip

    def __str__(self) -> str:
        parts = [f"{self.name}: {self.detail}", self.consequence, self.remedy]
        return " → ".join(part for part in parts if part)
