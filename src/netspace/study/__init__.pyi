from .runner import run_study as run_study
from .spec import StudySpec as StudySpec
from .study import Study as Study
