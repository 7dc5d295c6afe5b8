"""The pages of the dashboard; each says what a visitor must be allowed to do."""

from edversion_plugins.dashboard.pages.account import (
    change_password,
    create_token,
    revoke_token,
    show_account,
)
from edversion_plugins.dashboard.pages.alias import roll_back, show_alias, show_promotions
from edversion_plugins.dashboard.pages.archive import download_version
from edversion_plugins.dashboard.pages.collection import show_collection
from edversion_plugins.dashboard.pages.collections import show_collections
from edversion_plugins.dashboard.pages.compare import export_comparison, show_comparison
from edversion_plugins.dashboard.pages.events import show_events
from edversion_plugins.dashboard.pages.experiments import show_experiment, show_experiments
from edversion_plugins.dashboard.pages.file import download_file, give_image, show_file
from edversion_plugins.dashboard.pages.help import show_help
from edversion_plugins.dashboard.pages.home import show_home
from edversion_plugins.dashboard.pages.leaderboard import show_leaderboard
from edversion_plugins.dashboard.pages.lineage import choose_lineage, show_lineage
from edversion_plugins.dashboard.pages.promote import (
    approve_promotion,
    promote_version,
    reject_promotion,
    show_evidence,
    show_promotion,
    withdraw_promotion,
)
from edversion_plugins.dashboard.pages.runs import show_run, show_runs
from edversion_plugins.dashboard.pages.search import show_search
from edversion_plugins.dashboard.pages.signing import show_sign_in, sign_in, sign_out
from edversion_plugins.dashboard.pages.static import give_static
from edversion_plugins.dashboard.pages.storage import show_storage
from edversion_plugins.dashboard.pages.version import show_version
from edversion_plugins.dashboard.routes import Page

__all__ = ["PAGES"]

_VERSION = "/p/{project}/{collection}/{version}"

PAGES = (
    Page("/", show_home, "view"),
    Page("/collections", show_collections, "view"),
    Page("/search", show_search, "view"),
    Page("/events", show_events, "view"),
    Page("/help", show_help, "view"),
    Page("/storage", show_storage, "view"),
    Page("/runs", show_runs, "view"),
    Page("/runs/{run}", show_run, "view"),
    Page("/experiments", show_experiments, "view"),
    Page("/experiments/{project}/{experiment}", show_experiment, "view"),
    Page("/compare", show_comparison, "view"),
    Page("/compare/export", export_comparison, "view"),
    Page("/p/{project}/{collection}", show_collection, "view"),
    Page("/p/{project}/{collection}/leaderboard", show_leaderboard, "view"),
    Page("/p/{project}/{collection}/{version}", show_version, "view"),
    Page("/lineage", choose_lineage, "view"),
    Page("/p/{project}/{collection}/{version}/lineage", show_lineage, "view"),
    Page("/p/{project}/{collection}/{version}/file", show_file, "view"),
    Page("/p/{project}/{collection}/{version}/download", download_file, "view"),
    Page("/p/{project}/{collection}/{version}/image", give_image, "view"),
    Page("/p/{project}/{collection}/{version}/archive", download_version, "view"),
    Page("/promotions", show_promotions, "view"),
    Page(f"{_VERSION}/promote", show_promotion, "view"),
    Page(f"{_VERSION}/evidence", show_evidence, "view"),
    Page(f"{_VERSION}/promote", promote_version, "edit", methods=("POST",)),
    Page(f"{_VERSION}/approve", approve_promotion, "approve", methods=("POST",)),
    Page(f"{_VERSION}/reject", reject_promotion, "approve", methods=("POST",)),
    Page(f"{_VERSION}/withdraw", withdraw_promotion, "edit", methods=("POST",)),
    Page("/aliases/{project}/{collection}/{alias}", show_alias, "view"),
    Page("/aliases/{project}/{collection}/{alias}/rollback", roll_back, "edit", methods=("POST",)),
    Page("/static/{name}", give_static, "anyone"),
    Page("/sign-in", show_sign_in, "anyone"),
    Page("/sign-in", sign_in, "anyone", methods=("POST",)),
    Page("/sign-out", sign_out, "anyone", methods=("POST",)),
    Page("/account", show_account, "view"),
    Page("/account/password", change_password, "view", methods=("POST",)),
    Page("/account/tokens", create_token, "view", methods=("POST",)),
    Page("/account/tokens/revoke", revoke_token, "view", methods=("POST",)),
)
