"""LightGBM's text of trees, asked in numpy: no import of LightGBM (and of all that it brings) in a question.

The format and the rules of a split are those of LightGBM 4 (`src/io/tree.cpp`, `include/LightGBM/tree.h`): numbers go
left at or below a threshold, a missing one the way the node says; categories go left when their bit is set. Trees that
LightGBM trained are answered as it answers them; a test holds both against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domain.errors import BadData
from engines.forecast.columns import Ints
from engines.forecast.history import Floats

CATEGORY, DEFAULT_LEFT = 1, 2
NO_MISSING, ZERO_MISSING, NAN_MISSING = 0, 1, 2
NEAR_ZERO = 1e-35
ROWS_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class Trees:
    """All trees in one row of nodes: children at or above 0 are nodes, below 0 the leaf `-child - 1`.

    `root` is the first node of each tree (or a leaf, where a tree has no split); `classes` trees make one round.
    `bits` holds the category sets of nodes, from `first_bit` on, `words` of 32 each.
    """

    classes: int
    root: Ints
    feature: Ints
    threshold: Floats
    decision: Ints
    left: Ints
    right: Ints
    leaf: Floats
    first_bit: Ints
    words: Ints
    bits: Ints

    @property
    def columns(self) -> int:
        """How many columns its rows must have at least."""
        return int(self.feature.max(initial=-1)) + 1

    def scores(self, rows: Floats) -> Floats:
        """Raw scores (n, classes): the sum of the leaves of each class' trees, one round after the other."""
        found = np.empty((len(rows), self.classes))
        for begin in range(0, len(rows), ROWS_AT_ONCE):
            part = slice(begin, begin + ROWS_AT_ONCE)
            leaves = self._leaves(rows[part])
            rounds = self.leaf[leaves].reshape(len(leaves), -1, self.classes)
            found[part] = np.add.accumulate(rounds, axis=1)[:, -1]
        return found

    def shares(self, rows: Floats) -> Floats:
        """Chances (n, classes) of a multiclass model: the softmax of its scores."""
        scores = self.scores(rows)
        risen = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(risen / risen.sum(axis=1, keepdims=True))

    def _leaves(self, rows: Floats) -> Ints:
        """The leaf of each row in each tree, (n, trees)."""
        trees = len(self.root)
        node = np.tile(self.root, len(rows))
        row = np.repeat(np.arange(len(rows)), trees)
        open_ = np.flatnonzero(node >= 0)
        while len(open_):
            here = node[open_]
            left = self._goes_left(here, rows[row[open_], self.feature[here]])
            node[open_] = np.where(left, self.left[here], self.right[here])
            open_ = open_[node[open_] >= 0]
        return (-node - 1).reshape(len(rows), trees)

    def _goes_left(self, node: Ints, value: Floats) -> np.ndarray:
        decision, missing = self.decision[node], np.isnan(value)
        kind = decision >> 2 & 3
        number = np.where(missing & (kind != NAN_MISSING), 0.0, value)
        skipped = (missing & (kind == NAN_MISSING)) | ((kind == ZERO_MISSING) & (np.abs(number) <= NEAR_ZERO))
        left = np.where(skipped, (decision & DEFAULT_LEFT) > 0, number <= self.threshold[node])
        category = np.flatnonzero((decision & CATEGORY) > 0)
        if len(category):
            left[category] = self._in_set(node[category], value[category])
        return np.asarray(left)

    def _in_set(self, node: Ints, value: Floats) -> np.ndarray:
        number = np.where(np.isnan(value), -1.0, value).astype(np.int64)
        word = number // 32
        known = (number >= 0) & (word < self.words[node])
        bits = self.bits[self.first_bit[node] + np.where(known, word, 0)]
        return known & ((bits >> (number % 32) & 1) > 0)


def read_trees(text: str) -> Trees:
    """The trees of a LightGBM text. Raises BadData for a text that holds none, or not all that its head tells of."""
    try:
        head, *blocks = text.split("\nTree=")
        told = _fields(head)
        classes, sizes = int(told["num_tree_per_iteration"]), told["tree_sizes"].split()
        if len(sizes) != len(blocks):
            raise ValueError(f"{len(blocks)} trees of {len(sizes)}")
        return _joined(classes, [_fields(block.split("\n\n")[0]) for block in blocks])
    except (KeyError, ValueError, IndexError, OverflowError) as error:
        raise BadData(f"its trees are no LightGBM text: {error!s:.80}") from None


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.split("\n") if "=" in line)


def _joined(classes: int, parts: Sequence[dict[str, str]]) -> Trees:
    if not parts or classes < 1 or len(parts) % classes:
        raise ValueError(f"{len(parts)} trees for {classes} classes")
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("feature", "threshold", "decision", "left", "right")}
    leaves, root, first_bit, words, bits = [], [], [], [], []
    nodes = ends = set_words = 0
    for part in parts:
        leaf = _floats(part["leaf_value"])
        splits = len(leaf) - 1
        if splits < 0 or not np.isfinite(leaf).all():
            raise ValueError("a tree without leaves, or with one that is no number")
        root.append(nodes if splits else -ends - 1)
        if splits:
            own = _of_tree(part, nodes, ends)
            _check_tree(own, nodes, ends, splits)
            begin, count, sets = _category_sets(part, own["decision"], own["threshold"])
            first_bit.append(begin + set_words)
            words.append(count)
            bits.append(sets)
            set_words += len(sets)
            for name, values in own.items():
                columns[name].append(values)
        leaves.append(leaf)
        nodes, ends = nodes + splits, ends + len(leaf)
    whole = {name: np.concatenate([np.empty(0, np.int64), *values]) for name, values in columns.items()}
    feature, decision, left, right = (whole[name].astype(np.int64) for name in ("feature", "decision", "left", "right"))
    none, one = np.zeros(0, np.int64), np.zeros(1, np.int64)  # one word more, for nodes without a set to look at
    begun, counted, held = (np.concatenate([none, *each]) for each in (first_bit, words, [*bits, one]))
    return Trees(
        classes, np.array(root, dtype=np.int64), feature, whole["threshold"].astype(np.float64), decision, left, right,
        np.concatenate(leaves), begun, counted, held,
    )  # fmt: skip


def _of_tree(part: dict[str, str], nodes: int, ends: int) -> dict[str, np.ndarray]:
    """A tree's columns, its children counted on from the trees before it."""
    left, right = (_ints(part[name]) for name in ("left_child", "right_child"))
    return {
        "feature": _ints(part["split_feature"]),
        "threshold": _floats(part["threshold"]),
        "decision": _ints(part["decision_type"]),
        "left": np.where(left >= 0, left + nodes, left - ends),
        "right": np.where(right >= 0, right + nodes, right - ends),
    }


def _check_tree(own: dict[str, np.ndarray], nodes: int, ends: int, splits: int) -> None:
    """Raises ValueError unless every node has all its columns, and each child comes after its node or is a leaf."""
    if any(len(values) != splits for values in own.values()) or (own["feature"] < 0).any():
        raise ValueError("a tree whose nodes are not whole")
    here = np.arange(nodes, nodes + splits)
    for child in (own["left"], own["right"]):
        as_node, as_leaf = (child > here) & (child < nodes + splits), (child < -ends) & (child >= -ends - splits - 1)
        if not (as_node | as_leaf).all():
            raise ValueError("a tree whose nodes do not lead to its leaves")


def _category_sets(part: dict[str, str], decision: Ints, threshold: Floats) -> tuple[Ints, Ints, Ints]:
    """(first word, number of words) of each node's category set, and the words."""
    begin = np.zeros(len(decision), dtype=np.int64)
    count = np.zeros(len(decision), dtype=np.int64)
    if not int(part["num_cat"]):
        return begin, count, np.zeros(0, dtype=np.int64)
    edges, sets = _ints(part["cat_boundaries"]), _ints(part["cat_threshold"])
    which = np.flatnonzero(decision & CATEGORY)
    number = threshold[which].astype(np.int64)
    begin[which], count[which] = edges[number], edges[number + 1] - edges[number]
    if edges[-1] != len(sets):
        raise ValueError("a tree whose sets of categories are not whole")
    return begin, count, sets


def _ints(text: str) -> Ints:
    return np.array(text.split(), dtype=np.int64)


def _floats(text: str) -> Floats:
    return np.array(text.split(), dtype=np.float64)
