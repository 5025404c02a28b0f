"""Every profile that is shipped, and those of the team."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from observatory.errors import InputInvalid, Problem, in_order
from observatory.reading import read
from observatory.telemetry.recipe import Profile

__all__ = ["SHIPPED", "TEMPLATE", "Draft", "Profile", "draft_of", "load_profile", "load_profiles"]

SHIPPED = Path(__file__).parent / "profiles"
TEMPLATE = Path(__file__).parent / "profile_template.yaml"
"""A profile to begin with, which explains the format and passes its own check."""


class _Shipped(Struct, frozen=True):
    """What is kept of the shipped ones; a team's own are few and being worked on, and are read every time."""

    profiles: tuple[Profile, ...]


class Draft(Struct, frozen=True):
    """A profile file that may have faults.

    Attributes:
        profile: What could be read of it.
        problems: Every fault, in the order of the file.
        provable: Without the recipes, and what else an example proves, that hold a fault or rest on one.
    """

    profile: Profile
    problems: tuple[Problem, ...]
    provable: Profile


def draft_of(path: Path) -> Draft:
    """A profile with its faults, for those who write it.

    Raises:
        InputInvalid: The file cannot be read at all.
    """
    from observatory.telemetry.profile_format import profile_of

    profile, fields = profile_of(read(path, lenient=True))
    faulty = {part[1] for part in fields.faulty if part[:1] == ("signals",) and len(part) > 1}
    astray = any(part[:1] in ((), ("identities",), ("variants",), ("opentelemetry",)) for part in fields.faulty)
    sound = () if astray else tuple(one for one in profile.recipes if one.signal not in faulty)
    whole = not any(part[:1] in ((), ("declared_values",), ("identities",)) for part in fields.faulty)
    provable = replace(profile, recipes=sound, declared_values=profile.declared_values if whole else ())
    # A fault in a recipe shows once for each naming variant.
    return Draft(profile, tuple(in_order(fields.problems)), provable)


def load_profile(path: Path) -> Profile:
    """One profile.

    Raises:
        InputInvalid: The file cannot be read, or says something that a profile cannot say; every fault is listed.
    """
    found = draft_of(path)
    if found.problems:
        raise InputInvalid(found.problems)
    return found.profile


def load_profiles(extra_dir: Path | None = None, *, cache: Path | None = None) -> tuple[Profile, ...]:
    """Shipped profiles and those of a folder, by rank and id; one of the folder replaces a shipped one of its id.

    Args:
        cache: Folder in which the shipped ones are kept between runs; None reads their files.

    Raises:
        InputInvalid: A profile has faults, the folder does not exist, or two of its files have one id.
    """
    problems: list[Problem] = []
    found = {profile.id: profile for profile in _shipped(cache, problems)}
    if extra_dir is not None and not extra_dir.is_dir():
        message = f"there is no folder {extra_dir} to read profiles from"
        problems.append(Problem(code="profile-folder-missing", message=message))
    elif extra_dir is not None:
        found |= {profile.id: profile for profile in _of_folder(extra_dir, problems)}
    if problems:
        raise InputInvalid(problems)
    # A profile of one's own may take a name that a shipped one goes by.
    for profile in found.values():
        own = tuple(name for name in profile.also if name not in found)
        found[profile.id] = replace(profile, also=own) if own != profile.also else profile
    return tuple(sorted(found.values(), key=lambda profile: (profile.rank, profile.id)))


def _shipped(cache: Path | None, problems: list[Problem]) -> Sequence[Profile]:
    if cache is None:
        return _of_folder(SHIPPED, problems)
    from observatory.spec.kept_files import kept_of

    def read_all() -> _Shipped:
        faults: list[Problem] = []
        profiles = _of_folder(SHIPPED, faults)
        if faults:
            raise InputInvalid(faults)
        return _Shipped(tuple(profiles))

    try:
        return kept_of(cache / "profiles", _Shipped, _files_in(SHIPPED), Path(__file__).parent, read_all).profiles
    except InputInvalid as error:
        problems.extend(error.problems)
        return ()


def _files_in(folder: Path) -> list[Path]:
    return sorted({*folder.glob("*.yaml"), *folder.glob("*.yml")})


def _of_folder(folder: Path, problems: list[Problem]) -> list[Profile]:
    """Profiles of the files in a folder; what is wrong with them goes to `problems`."""
    here: dict[str, Profile] = {}
    for path in _files_in(folder):
        try:
            profile = load_profile(path)
        except InputInvalid as error:
            problems.extend(error.problems)
            continue
        if profile.id in here:
            message = f"the id {profile.id!r} is also that of {here[profile.id].location}"
            problems.append(Problem(code="profile-duplicate", message=message, location=profile.location))
        here[profile.id] = profile
    return list(here.values())
