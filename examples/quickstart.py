"""Log a dataset and a model, then find the model again and download it.

Run it in an empty folder; the repository appears in ``./.edversion``.
"""

import pickle
from pathlib import Path

import edversion

# Two files that your own code would have made.
Path("math_data.csv").write_text("student,score,passed\na,61,1\nb,38,0\nc,74,1\n")
Path("model.pkl").write_bytes(pickle.dumps({"neighbours": 5, "threshold": 50}))

with edversion.init(project="ed-ai-model-compare", config={"k": 5}) as run:
    data = edversion.Artifact("student_math_dataset", type="dataset")
    data.add_file("math_data.csv")
    run.log_artifact(data)
    run.log_artifact(
        "model.pkl",
        name="knn_model",
        type="model",
        metadata={"epochs": 50, "accuracy": 0.92},
        aliases=["candidate"],
    )

model = edversion.open().version("knn_model:latest")
model.download("./served")

print(f"{model} is in ./served; {model.logged_by()[0].name} logged it.")
