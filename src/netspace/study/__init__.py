"""L5: population runs: plan, claim, train, record, resume."""

from netspace.study.runner import Progress, run_study
from netspace.study.spec import StudySpec
from netspace.study.study import Study

__all__ = ["Progress", "Study", "StudySpec", "run_study"]
