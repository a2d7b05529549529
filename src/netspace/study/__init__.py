"""L5: population runs: plan, claim, train, record, resume.

Names are imported when they are used: a worker that trains needs neither the statistics nor the database.
"""

from typing import TYPE_CHECKING

from netspace._lazy import lazy_names

if TYPE_CHECKING:
    from netspace.study.runner import Progress, run_study
    from netspace.study.spec import StudySpec
    from netspace.study.study import Study

__getattr__ = lazy_names(
    __name__,
    {
        "Progress": "netspace.study.runner:Progress",
        "Study": "netspace.study.study:Study",
        "StudySpec": "netspace.study.spec:StudySpec",
        "run_study": "netspace.study.runner:run_study",
    },
)

__all__ = ["Progress", "Study", "StudySpec", "run_study"]
