"""A plugin that refuses datasets which nobody described, and what happens with it.

Installed, a plugin names itself in the entry-point group ``edversion`` (see HOOKS.md). Here it is
handed over by name, and the repository is thrown away at the end.
"""

import tempfile

import edversion


class DescribedDatasets:
    """Refuse a dataset without a description: somebody will ask what it holds."""

    @edversion.hookimpl
    def edversion_before_log(self, draft: edversion.Artifact) -> None:
        """Veto a draft before anything of it is stored."""
        if draft.type == "dataset" and not (draft.description or "").strip():
            raise edversion.RefusedError(
                f"the dataset {draft.name!r} has no description; say what it holds, of whom and "
                "since when: Artifact(..., description=...)",
                code="no_description",
                name=draft.name,
            )


def main() -> None:
    """Log one dataset without a description, and again with one."""
    with tempfile.TemporaryDirectory() as folder:
        plugins = {"described-datasets": DescribedDatasets()}
        with edversion.init("school", store=folder, plugins=plugins) as run:
            draft = edversion.Artifact("grades", type="dataset")
            draft.add_bytes(b"learner,grade\na,2\nb,1\n", "grades.csv")
            try:
                run.log_artifact(draft)
            except edversion.RefusedError as error:
                print(f"Refused ({error.code}): {error}.")
            version = run.log_artifact(draft, description="Final grades, class 9b, 2026")
        print(f"Logged {version}: {version.description}.")


if __name__ == "__main__":
    main()
