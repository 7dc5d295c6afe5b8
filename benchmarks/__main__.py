"""Run the benchmarks: ``python -m benchmarks [FOLDER] [--only NAME ...] [--rounds N]``."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from benchmarks.adapters import adapters
from benchmarks.bucket_files import bucket_files, bucket_log, bucket_moves
from benchmarks.catalogs import catalogs
from benchmarks.columns import columns
from benchmarks.comparing import compare_checkpoints, compare_manifests
from benchmarks.dashboard import dashboard
from benchmarks.evaluation import evaluations
from benchmarks.experiments import experiments
from benchmarks.files import big_file, checkpoints, small_files
from benchmarks.followers import followers
from benchmarks.footprint import footprint
from benchmarks.garbage import collect_half
from benchmarks.lineage import lineage
from benchmarks.load import dashboard_load
from benchmarks.measure import Result, keep, show
from benchmarks.million import million_files
from benchmarks.promotions import promotions
from benchmarks.resolving import resolving
from benchmarks.transfer import transfer
from benchmarks.versions import many_versions, start_up

BENCHMARKS = {
    "start-up": start_up,
    "big-file": big_file,
    "small-files": small_files,
    "checkpoints": checkpoints,
    "versions": many_versions,
    "lineage": lineage,
    "promotions": promotions,
    "catalogs": catalogs,
    "resolving": resolving,
    "followers": followers,
    "experiments": experiments,
    "dashboard": dashboard,
    "dashboard-load": dashboard_load,
    "adapters": adapters,
    "evaluation": evaluations,
    "compare": compare_manifests,
    "compare-checkpoints": compare_checkpoints,
    "gc": collect_half,
    "footprint": footprint,
    "transfer": transfer,
    "million": million_files,
    "bucket-log": bucket_log,
    "bucket-files": bucket_files,
    "bucket-moves": bucket_moves,
    "bucket-columns": columns,
}
HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", help="where to work: a disk with 20 GB free")
    parser.add_argument("--only", nargs="*", choices=BENCHMARKS, default=list(BENCHMARKS))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    results: list[Result] = []
    for name in options.only:
        work = Path(tempfile.mkdtemp(prefix=f"edversion-bench-{name}-", dir=options.folder))
        print(f"… {name} in {work}", flush=True)
        try:
            found = BENCHMARKS[name](work, options.rounds)
        finally:
            shutil.rmtree(work)  # only now: deleting between rounds slows the next ones
        keep(name, found, HERE / "results.json")
        results += found
    show(results)


if __name__ == "__main__":
    main()
