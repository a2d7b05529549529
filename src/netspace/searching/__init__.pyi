from .progress import Progress as Progress
from .result import SearchResult as SearchResult
from .search import search as search
from .settled import SearchSpec as SearchSpec
