"""Contract changes: what differs between two catalogues, and whether those who read can still read.

`changes_between` compares two catalogues that are there already; `revisions` makes a catalogue of what a git revision
holds. Payloads are compared by what they allow, not by how they are written: see `json_schema` and `avro`.
"""

from observatory.spec.changes.catalogs import changes_between
from observatory.spec.changes.records import Change, Changes, ChannelChanges
from observatory.spec.changes.verdict import Compatibility, Mode, Reading, Reason, Verdict, Witness

__all__ = [
    "Change",
    "Changes",
    "ChannelChanges",
    "Compatibility",
    "Mode",
    "Reading",
    "Reason",
    "Verdict",
    "Witness",
    "changes_between",
]
