"""The table that a run prints, and build/bench/report.json."""

import json
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Report:
    def __init__(self):
        self.rows = []
        self.sections = {}

    def add(self, what, value, unit, peer=None, peer_value=None, budget=None, **more):
        ratio = value / peer_value if peer_value else None
        self.rows.append(
            {"what": what, "value": value, "unit": unit, "peer": peer, "peer_value": peer_value,
             "ratio": ratio, "budget": budget} | more)  # fmt: skip
        self.show(self.rows[-1])

    def add_section(self, name, content):
        """What a part has to say beyond rows."""
        self.sections[name] = content

    @staticmethod
    def show(row):
        text = f"{row['what']:<44} {row['value']:>12,.2f} {row['unit']:<9}"
        if row["peer"]:
            text += f" {row['peer']}: {row['peer_value']:,.2f}  ratio {row['ratio']:.2f}"
        if row["budget"]:
            text += f"  (budget {row['budget']})"
        print(text, flush=True)

    def write(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        machine = {"cores": os.cpu_count(), "kernel": os.uname().release}
        path.write_text(json.dumps({"machine": machine, "rows": self.rows} | self.sections, indent=1) + "\n")
        print(f"written to {path.relative_to(ROOT)}")
