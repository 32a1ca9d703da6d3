"""How Sphinx builds the site: ``python -m sphinx -W -b html docs docs/_build/html``."""

import os
import warnings
from urllib.error import URLError
from urllib.request import urlopen

import spurclust

project = "spurclust"
author = "the spurclust developers"
project_copyright = f"2026, {author}"
version = release = spurclust.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "examples", "gallery/*.ipynb", "gallery/*.py"]
root_doc = "index"
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autosummary_imported_members = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = True
PLAIN = [
    "None",
    "bool",
    "boolean",
    "True",
    "False",
    "int",
    "float",
    "str",
    "string",
    "list",
    "tuple",
    "dict",
    "array",
    "scalar",
]
# In the place of numpydoc's own, which need the inventories.
numpydoc_xref_aliases = {
    "array-like": "numpy.typing.ArrayLike",
    "array_like": "numpy.typing.ArrayLike",
    "ndarray": "numpy.ndarray",
    "DataFrame": "pandas.DataFrame",
    "RandomState": "numpy.random.RandomState",
    "path-like": "os.PathLike",
    "callable": "collections.abc.Callable",
    "sequence": "collections.abc.Sequence",
    "iterable": "collections.abc.Iterable",
    "mapping": "collections.abc.Mapping",
    **{name: name for name in PLAIN},
    **{name: f"spurclust.{name}" for name in spurclust.__all__},
}
numpydoc_xref_ignore = {"of", "or", "shape", "length", "default", "optional", "type"}
default_role = "py:obj"
toc_object_entries_show_parents = "hide"
# A name of spurclust must lead somewhere. Other names do where their inventory was found.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!spurclust\b).*")]


def with_inventories(sites):
    """Return the sites that answer: links to the others stay words, and nothing warns."""
    found = {}
    for name, site in sites.items():
        try:
            urlopen(f"{site}objects.inv", timeout=5).close()
        except (URLError, OSError):
            continue
        found[name] = (site, None)
    return found


intersphinx_mapping = with_inventories(
    {
        "python": "https://docs.python.org/3/",
        "numpy": "https://numpy.org/doc/stable/",
        "pandas": "https://pandas.pydata.org/docs/",
        "sklearn": "https://scikit-learn.org/stable/",
        "astropy": "https://docs.astropy.org/en/stable/",
        "matplotlib": "https://matplotlib.org/stable/",
        "dask": "https://docs.dask.org/en/stable/",
    }
)

# The examples draw without a screen, and none may warn: warnings of a build are errors.
os.environ.setdefault("MPLBACKEND", "Agg")
warnings.filterwarnings("error", module="spurclust")
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "backreferences_dir": "api/generated/backreferences",
    "doc_module": ("spurclust",),
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "capture_repr": ("_repr_html_",),
    "write_computation_times": False,
    "abort_on_example_error": True,
}

html_theme = "pydata_sphinx_theme"
html_title = f"spurclust {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
# Pages without others below them.
html_sidebars = {page: [] for page in ("performance", "changelog", "citing", "get_started/index")}
html_theme_options = {
    "logo": {"text": "spurclust"},
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}


def skip_requests(_app, _what, name, _value, _skip, _options):
    """Leave out the methods that scikit-learn gives every estimator for metadata routing."""
    return (name.startswith("set_") and name.endswith("_request")) or None


def setup(app):
    """Connect to Sphinx."""
    app.connect("autodoc-skip-member", skip_requests)
