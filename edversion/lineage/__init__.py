"""Draw lineage, for programs that draw graphs and for people.

graph        versions, and between two of them one arrow with all that is said of them
languages    … as DOT and Mermaid
layout       where each version stands in a picture
drawing      the picture, as SVG
page         one page with the picture and a table
"""

from edversion.lineage.graph import Arrow, Graph, graph_of, remark_of
from edversion.lineage.languages import as_dot, as_mermaid
from edversion.lineage.page import as_page

__all__ = ["Arrow", "Graph", "as_dot", "as_mermaid", "as_page", "graph_of", "remark_of"]
