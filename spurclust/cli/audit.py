"""``spurclust audit``: draw a random sample of the unflagged, and print what it proves."""

import argparse
import shlex
from typing import TYPE_CHECKING, Any

from spurclust.cli import options
from spurclust.cli.options import COUNT, COUNT_OR_NONE, STATE, number, say

if TYPE_CHECKING:
    from spurclust.analysis import AuditResult


def add_commands(commands: Any) -> None:
    """Add the command."""
    audit = commands.add_parser("audit", help="how many spurious remain among the unflagged")
    audit.set_defaults(call=run_audit)
    audit.description = (
        "Draws a random sample of the sources that are neither flagged nor inspected, and writes "
        "it to DIR/audit.csv. Fill in the column Reliable_Source (1 reliable, 0 spurious) from the "
        "first row on. Run it again with --labels at any time: it prints how many spurious sources "
        "can remain. A larger --sample extends the first one."
    )
    audit.add_argument("folder", metavar="DIR", help="folder of the results of a run")
    size = audit.add_mutually_exclusive_group()
    size.add_argument("--sample", type=COUNT, metavar="N", help="sources to draw, or to extend to")
    size.add_argument(
        "--max-remaining",
        type=COUNT_OR_NONE,
        metavar="M",
        help="draw enough to prove that at most M remain, if no spurious one is found; with "
        "--labels, print how many more inspections that takes",
    )
    options.add_labels(
        audit, "the sample with its column filled in, or parts of it (repeat the option)"
    )
    options.add_label_columns(audit)
    audit.add_argument(
        "--confidence",
        type=number(float, "between 0 and 1", lambda value: 0 < value < 1),
        default=0.95,
        help="confidence of the bound (default: %(default)s)",
    )
    audit.add_argument("--random-state", type=STATE, default=12, help="default: %(default)s")


def run_audit(args: argparse.Namespace) -> None:
    """Draw a sample of the unflagged, or print what an inspected sample proves."""
    done = _draw(args) if args.labels is None else _evaluate(args)
    say(done or "All unflagged sources are inspected already: there is nothing to draw.")


def _draw(args: argparse.Namespace) -> str | None:
    """Draw the sample; return what to do with it."""
    from spurclust.analysis import draw_audit

    drawn = draw_audit(
        args.folder,
        sample=args.sample,
        max_remaining=args.max_remaining,
        confidence=args.confidence,
        random_state=args.random_state,
    )
    if drawn is None:
        return None
    command = shlex.join(["spurclust", "audit", args.folder, "--labels", str(drawn.path)])
    added = drawn.n_sources - drawn.n_earlier
    return (
        f"{drawn.path} lists {drawn.n_sources} sources drawn at random from the {drawn.n_pool} "
        "that are neither flagged nor inspected"
        + f", {added} of them new, at the end"
        * bool(drawn.n_earlier)
        + ".\nInspect them in this order, and fill in Reliable_Source (1 reliable, 0 spurious). At "
        f"any time, run: {command}\n"
        f"If none is spurious, at most {drawn.most_remaining} spurious ones remain after all of "
        f"them (confidence {args.confidence:g})."
    )


def _evaluate(args: argparse.Namespace) -> str | None:
    """Return how many spurious sources can remain."""
    from spurclust.analysis import evaluate_audit

    if args.sample is not None:
        raise ValueError("--sample draws, and --labels evaluates the sample: give one of them")
    result = evaluate_audit(
        args.folder,
        options.read_label_tables(args),
        max_remaining=args.max_remaining,
        confidence=args.confidence,
    )
    return result and (
        f"Of {result.n_pool} sources that were neither flagged nor inspected, "
        f"{result.n_inspected} drawn at random were inspected: {result.n_spurious} spurious.\n"
        f"At most {result.most_remaining} spurious ones remain among the other "
        f"{result.n_pool - result.n_inspected} (confidence {args.confidence:g}, at any time)."
        "\n"
        f"The flags hold at least {result.completeness_low:.3f} of all spurious sources, counting "
        f"as flagged only the {result.n_flagged_spurious} that are known." + _plan(args, result)
    )


def _plan(args: argparse.Namespace, result: "AuditResult") -> str:
    """Return how many more inspections prove what --max-remaining asks for, if it is given."""
    if result.n_needed is None:
        return ""
    wanted = f"at most {args.max_remaining} spurious ones remain"
    if result.n_needed == 0:
        return f"\nSo {wanted}, as wanted."
    text = f"\n{result.n_needed} more inspections prove that {wanted}, if none is spurious."
    n = result.n_inspected + result.n_needed
    if n > result.n_drawn:
        command = shlex.join(["spurclust", "audit", args.folder, "--sample", str(n)])
        text += f" The sample has {result.n_drawn} sources; extend it: {command}"
    return text
