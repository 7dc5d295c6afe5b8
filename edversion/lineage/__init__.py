"""Draw lineage, for programs that draw graphs and for people.

graph        versions, and between two of them one arrow with all that is said of them
languages    … as DOT and Mermaid
layout       in which column and row each box of a picture stands
placing      … in pixels, with the arrows
drawing      the picture, as SVG
page         one page with the picture and a table
"""

from edversion.lineage.graph import Arrow, Graph, graph_of, remark_of
from edversion.lineage.languages import as_dot, as_mermaid
from edversion.lineage.page import as_page
from edversion.lineage.placing import Layout, Spacing, lay_out

__all__ = [
    "Arrow",
    "Graph",
    "Layout",
    "Spacing",
    "as_dot",
    "as_mermaid",
    "as_page",
    "graph_of",
    "lay_out",
    "remark_of",
]
