"""The README's tables are those of the program: commands, keys, settings, measured figures, layers. --write puts them right."""
import json
import re
import sys

import house

README = house.ROOT / "README.md"


def rows(table, macro):
    """Arguments of each row as strings; string literals that stand side by side are one."""
    text = re.sub(r"/\*.*?\*/", "", (house.ROOT / "src" / table if not table.startswith("include") else house.ROOT / table)
                  .read_text(encoding="utf-8"), flags=re.S)
    for found in re.finditer(rf"^{macro}\((.*?)\)$", text, re.M | re.S):
        values, depth, current = [], 0, ""
        for token in re.finditer(r'"(?:\\.|[^"\\])*"|[(),]|[^"(),]+', found.group(1)):
            t = token.group(0)
            if t == "," and depth == 0:
                values.append(current.strip())
                current = ""
                continue
            depth += {"(": 1, ")": -1}.get(t, 0)
            current += t
        values.append(current.strip())
        yield ["".join(p.encode().decode("unicode_escape") for p in re.findall(r'"((?:\\.|[^"\\])*)"', v)) if v.startswith('"') else v
               for v in values]


def commands():
    help_of = {r[0]: r[7] for r in rows("station/ops.def", "OP")}
    out = []
    for words, op, positional, *_, text, _examples in rows("cli/commands.def", "CMD"):
        shown = re.sub(r"(\w+)\?(\.*)", r"[\1\2]", positional).upper()
        out.append(f"| `clinic {words}{' ' + shown if shown else ''}` | {text or help_of[op]} |")
    return ["| command | does |", "|---|---|", *out]


def keys():
    out = []
    for _, name, labels, group, text in rows("ui/actions.def", "ACTION"):
        out.append(f"| {' '.join('`' + k + '`' for k in labels.split())} | {text} | {group} |")
    return ["| keys | do | |", "|---|---|---|", *out]


def settings():
    out = [f"| `{r[0]}` | {r[4].replace('|', ', ') or '-'} | {r[5]} |" for r in rows("include/base/conf.def", "CONF")]
    return ["| setting | default (choices) | |", "|---|---|---|", *out]


def networks():
    out = []
    for path in sorted((house.ROOT / "models").glob("*.json")):
        p = json.loads(path.read_text(encoding="utf-8"))
        out.append(f"| `{p['id']}` | {p['title']} | {p['metrics'][0]['summary']} | {p['limits'][0]} |")
    return ["| network | for | measured by this program | first of its limits |", "|---|---|---|---|", *out]


def layers():
    out = []
    for names, _, weights, options in rows("nn/import/layers.def", "LAYER"):
        out.append(f"| {' '.join(f'`{n}`' for n in names.split('|'))} | {weights or '-'} | {options} |")
    return ["| class | weights | options |", "|---|---|---|", *out]


def main():
    report = house.Report()
    text = README.read_text(encoding="utf-8")
    for block in (commands, keys, settings, networks, layers):
        name = block.__name__
        pattern = re.compile(rf"(<!-- {name} -->\n)(.*?)(<!-- /{name} -->)", re.S)
        found = pattern.search(text)
        if not found:
            report.say(README, 1, f"the block <!-- {name} --> is missing")
            continue
        want = "\n" + "\n".join(block()) + "\n\n"
        if found.group(2) != want:
            if "--write" in sys.argv:
                text = text[:found.start(2)] + want + text[found.end(2):]
            else:
                report.say(README, text.count("\n", 0, found.start()) + 1,
                           f"the table '{name}' is not the program's: python3 tests/lint/readme.py --write")
    for path in sorted(set(re.findall(r"`((?:src|include|tests|models|samples|schema|mk)/[\w./-]*)`", text))):
        if not (house.ROOT / path).exists():
            report.say(README, 1, f"{path} does not exist")
    if "--write" in sys.argv:
        README.write_text(text, encoding="utf-8")
    report.end("the README's tables are the program's")


main()
