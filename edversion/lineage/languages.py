"""Lineage in the languages of programs that draw graphs: DOT and Mermaid."""

from __future__ import annotations

from edversion.lineage.graph import Graph, kind_of, shown
from edversion.model import Version

__all__ = ["as_dot", "as_mermaid"]

_PLAIN = frozenset(" _-./,()")
"""What stands for itself in a label of Mermaid, besides letters and digits."""


def as_dot(graph: Graph) -> str:
    """Write a graph in DOT, the language of Graphviz.

    Returns
    -------
    str
        A directed graph from left to right, with a line feed at its end.
    """
    lines = ["digraph lineage {", "  rankdir=LR;", '  node [shape=box, fontname="sans-serif"];']
    for place, version in enumerate(graph.versions):
        bold = ", penwidth=2" if place == 0 else ""
        label = f"{_dot(version.reference)}\\n{_dot(kind_of(version))}"
        lines.append(f'  n{place} [label="{label}"{bold}];')
    for arrow in graph.arrows:
        label = f' [label="{_dot(arrow.remark)}"]' if arrow.remark else ""
        lines.append(f"  n{arrow.source} -> n{arrow.target}{label};")
    return "\n".join([*lines, "}"]) + "\n"


def _dot(text: str) -> str:
    """Escape a text for a quoted label: its quotes, escapes, and entities of HTML."""
    return shown(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")


def as_mermaid(graph: Graph) -> str:
    """Write a graph as a flowchart of Mermaid, which GitHub and GitLab draw in Markdown.

    Returns
    -------
    str
        From left to right, with a line feed at its end.
    """
    lines = ["flowchart LR"]
    for place, version in enumerate(graph.versions):
        lines.append(f'    n{place}["{_mermaid_node(version)}"]')
    for arrow in graph.arrows:
        label = f'|"{_mermaid(arrow.remark)}"|' if arrow.remark else ""
        lines.append(f"    n{arrow.source} -->{label} n{arrow.target}")
    lines.append("    style n0 stroke-width:3px")
    return "\n".join(lines) + "\n"


def _mermaid_node(version: Version) -> str:
    return f"{_mermaid(version.reference)}<br/>{_mermaid(kind_of(version))}"


def _mermaid(text: str) -> str:
    """Escape a text for a quoted label: all but letters, digits and a few marks, by number.

    Also colons and semicolons, which Mermaid looks for before it reads what is quoted.
    """
    return "".join(
        each if each.isalnum() or each in _PLAIN else f"#{ord(each)};" for each in shown(text)
    )
