"""``spurclust inspect``: from cutouts to labels, on a page in the browser."""

import argparse
import shlex
import socket
import threading
import webbrowser
from contextlib import suppress
from functools import partial
from typing import Any

from spurclust.cli import options, run
from spurclust.cli.named_cutouts import choose_cutouts, mosaic_words, one_or_two, path_columns
from spurclust.cli.options import COUNT, say
from spurclust.errors import check_installed


def add_commands(commands: Any) -> None:
    """Add the command."""
    inspect = commands.add_parser("inspect", help="judge cutouts in the browser; no labels needed")
    inspect.set_defaults(call=run_inspect)
    inspect.description = (
        "Opens a page in the browser that shows one cutout after the other. Probably spurious ones "
        "come first, and the page learns from every few verdicts. Some cutouts are unlike all "
        "others. Some are drawn at random: they show how many spurious sources can remain. Every "
        "verdict is stored at once. Ctrl-C ends the inspection, and the same command continues it."
    )
    options.add_input(inspect, "folder of the inspection", needs_labels=False)
    _add_inspectors(inspect.add_argument_group("who inspects"))
    _add_serving(inspect.add_argument_group("the page"))
    options.add_common(inspect)


def _add_inspectors(group: Any) -> None:
    """Add the options of the team, and of the cutouts that it sees."""
    group.add_argument(
        "--inspectors",
        nargs="+",
        default=["inspector"],
        metavar="NAME",
        help="names of inspectors; each gets a link, and all can judge at the same time",
    )
    group.add_argument(
        "--adjudicators",
        nargs="+",
        default=[],
        metavar="NAME",
        help="inspectors who see the sources on which others disagree, and decide",
    )
    group.add_argument(
        "--opinions",
        type=options.number(float, "a number of at least 1", lambda value: value >= 1),
        default=1.0,
        metavar="N",
        help="inspectors per source; 1.2 means second opinions on a fifth (default: 1)",
    )
    group.add_argument(
        "--audit-share",
        type=options.number(float, "from 0 to 1", lambda value: 0 <= value <= 1),
        default=0.1,
        metavar="SHARE",
        help="share of the shown cutouts that is drawn at random (default: %(default)s)",
    )
    group.add_argument(
        "--reasons",
        nargs="+",
        default=[],
        metavar="REASON",
        help="reasons for the keys 1 to 9 (default: those given so far)",
    )


def _add_serving(group: Any) -> None:
    """Add the options of the server."""
    group.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address of the page; 0.0.0.0 is all networks of this machine (default: %(default)s, "
        "this machine only)",
    )
    group.add_argument(
        "--port", type=COUNT, metavar="N", help="port (default: 8765, or another if it is taken)"
    )
    group.add_argument("--no-browser", action="store_true", help="do not open a browser")


def run_inspect(args: argparse.Namespace) -> None:
    """Measure the cutouts, and serve the page until Ctrl-C."""
    from spurclust.inspection.web.answers import describe_sources
    from spurclust.inspection.web.security import secret_keys
    from spurclust.inspection.web.server import InspectionSite, listen

    for package in ("filelock", "starlette", "uvicorn"):
        check_installed(package, feature="The live inspection", extra="inspect")
    catalogue = options.read_catalogue(args)
    with listen(args.host, args.port) as listener, _open_inspection(args, catalogue) as inspection:
        columns = None if catalogue is None else describe_sources(inspection, catalogue)
        site = InspectionSite(
            inspection,
            columns=columns,
            reasons=args.reasons,
            make_results=partial(make_results, args),
            own_columns=_own_columns(args),
            spurious_value=args.spurious_value,
        )
        names = list(dict.fromkeys([*args.inspectors, *args.adjudicators]))
        keys = secret_keys(inspection.folder, names)
        with suppress(KeyboardInterrupt):
            _serve(site, keys, listener, args.host, browser=not args.no_browser)
        _conclude(inspection, args)


def _open_inspection(args: argparse.Namespace, catalogue: Any) -> Any:
    """Open the inspection of the named cutouts; the first time, this measures them."""
    from spurclust.cutouts import ReadOptions, open_cutouts
    from spurclust.inspection import Inspection

    cutouts = choose_cutouts(args, catalogue)
    columns = path_columns(cutouts, args.cutout_id_column, args.path_column, "--cutout-id-column")
    reading = {"hdu": args.hdu, "pad": args.pad, "n_jobs": args.jobs}
    return Inspection(
        open_cutouts(cutouts, id_pattern=args.id_pattern, filters=args.filters, **columns),
        options.read_label_tables(args),
        folder=args.out,
        options=ReadOptions(
            one_or_two(args.size),
            args.reduce,
            on_error="skip" if args.skip_unreadable else "raise",
            **reading,
        ),
        opinions=args.opinions,
        adjudicators=args.adjudicators,
        audit_share=args.audit_share,
        random_state=args.random_state,
        beside=True,
    )


def _own_columns(args: argparse.Namespace) -> dict[str, str]:
    """Return the names of the columns of ids, labels and reasons in the team's label tables."""
    names = {"Source_ID": args.id_column, "Reason": args.reason_column}
    if len(args.label_column or ()) == 1:
        names["Reliable_Source"] = args.label_column[0]
    return names


def make_results(args: argparse.Namespace, out: str) -> None:
    """Do what `spurclust run` does, with the present labels of an inspection."""
    parser = argparse.ArgumentParser()
    run.add_commands(parser.add_subparsers(dest="command"))
    # The results also have the columns of the first label tables, such as positions.
    words = [part for table in (*(args.labels or ()), args.out) for part in ("--labels", table)]
    wanted = parser.parse_args(["run", "--out", out, *words])
    for name, value in vars(args).items():
        if name in wanted and name not in ("command", "call", "labels", "out"):
            setattr(wanted, name, value)
    run.run_run(wanted)


def _serve(
    site: Any, keys: dict[str, str], listener: socket.socket, host: str, *, browser: bool
) -> None:
    """Print the links, open the first in a browser, and serve."""
    from spurclust.inspection.web.server import link_of, machine_names, make_app, serve

    port = listener.getsockname()[1]
    app = make_app(site, keys, hosts=machine_names(host), cookie=f"spurclust-inspect-{port}")
    links = {name: link_of(key, host, port) for name, key in keys.items()}
    _announce(site.inspection, links, host)
    if browser:
        threading.Thread(target=webbrowser.open, args=list(links.values())[:1], daemon=True).start()
    serve(app, listener)


def _announce(inspection: Any, links: dict[str, str], host: str) -> None:
    """Print the links of the page, and who can open it."""
    found = inspection.progress()
    say(f"{found.n_sources} sources, {found.n_inspected} inspected, {found.n_spurious} spurious")
    if host not in ("127.0.0.1", "localhost", "::1"):
        say(
            f"--host {host}: anyone with a link who reaches this machine over the network can see "
            "the cutouts and judge them. The connection is not encrypted: use it in a network that "
            "you trust, or leave --host out and open the page through ssh -L"
        )
    for name, link in links.items():
        say(f"Open {link}" if len(links) == 1 else f"{name}: open {link}")
    say("Links are secret. Every verdict is stored at once. Ctrl-C ends the inspection")


def _conclude(inspection: Any, args: argparse.Namespace) -> None:
    """Print what was found, where the labels are, and what to do next."""
    found = inspection.progress()
    labels = inspection.export()[0]
    n = found.n_inspected
    say(
        f"Inspected {n} of {found.n_sources} sources, {found.n_spurious} of them spurious; "
        f"at most {found.most_remaining} spurious remain, with 95 % confidence"
    )
    say(f"The labels are in {labels}. The same command continues the inspection")
    cutouts = mosaic_words(args) if args.mosaic else args.cutouts
    words = ["spurclust", "run", *(cutouts if len(cutouts) <= 3 or args.mosaic else ["CUTOUTS"])]
    say(f"All results: {shlex.join([*words, '--labels', args.out, '--out', 'results'])}")
