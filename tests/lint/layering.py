"""The include graph is the house: a room includes its own headers and doors of lower rooms, never a neighbour, never upward."""
import house

BELOW = house.rooms()
report = house.Report()


def door_room(header):
    """Room of a door in include/: base/err.h, image.h, nn_import.h; None for a private header."""
    if not (house.ROOT / "include" / header).exists():
        return None
    head = header.split("/")[0].removesuffix(".h")
    return head if head in BELOW else head.split("_")[0]


def room_of(path):
    parts = path.relative_to(house.ROOT).parts
    return parts[1] if parts[0] == "src" else door_room("/".join(parts[1:]))


edges = set()
for path in house.files(".c", ".h", ".def"):
    room = room_of(path)
    if room == "app":
        allowed = set(BELOW)
    elif room in BELOW:
        allowed = BELOW[room] | {room}
    else:
        report.say(path, 1, f"belongs to no room of mk/rooms.mk ({room})")
        continue
    for line, kind, header in house.includes(path):
        if kind == "<":
            continue
        target = door_room(header)
        if target is None:
            private = house.ROOT / "src" / header
            beside = path.parent / header
            if not private.exists() and not beside.exists():
                report.say(path, line, f"no such header: {header}")
                continue
            target = (private if private.exists() else beside).relative_to(house.ROOT / "src").parts[0]
            if target != room:
                report.say(path, line, f"{room} includes a private header of {target}: {header}")
            elif path.is_relative_to(house.ROOT / "include"):
                report.say(path, line, f"a door includes a private header: {header}")
        elif target not in allowed:
            report.say(path, line, f"{room} may not use {target}: {header}")
        if target != room:
            edges.add((room, target))
for room in sorted({a for a, _ in edges}, key=lambda r: len(BELOW.get(r, BELOW))):
    print(f"  {room:8} -> {' '.join(sorted(b for a, b in edges if a == room))}")
report.end("no arrow upward")
