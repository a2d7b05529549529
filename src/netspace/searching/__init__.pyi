from .progress import Progress as Progress
from .search import SearchResult as SearchResult
from .search import search as search
from .settling import SearchSpec as SearchSpec
