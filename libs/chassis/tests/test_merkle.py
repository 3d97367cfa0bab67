"""The tree: the published vectors of Certificate Transparency, the definitions of the RFC word for word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import merkle
from chassis.merkle import EMPTY, Edge, Place

# Test data of the reference implementation of Certificate Transparency, retyped: leaf inputs and roots from
# github.com/transparency-dev/merkle testonly/constants.go, proofs from testonly/reference_test.go.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SECOND_LEAF = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
SECOND_PAIR = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
FIFTH_LEAF = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
THIRD_PAIR = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
FOURTH_PAIR = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
SECOND_HALF = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
# Leaf, size of the tree, path.
INCLUSIONS: list[tuple[int, int, list[str]]] = [
    (0, 1, []),
    (0, 2, [SECOND_LEAF]),
    (1, 2, [ROOTS[1]]),
    (2, 3, [ROOTS[2]]),
    (1, 5, [ROOTS[1], SECOND_PAIR, FIFTH_LEAF]),
    (0, 8, [SECOND_LEAF, SECOND_PAIR, SECOND_HALF]),
    (5, 8, [FIFTH_LEAF, FOURTH_PAIR, ROOTS[4]]),
]
# Two sizes, path.
CONSISTENCIES: list[tuple[int, int, list[str]]] = [
    (1, 1, []),
    (1, 8, [SECOND_LEAF, SECOND_PAIR, SECOND_HALF]),
    (2, 5, [SECOND_PAIR, FIFTH_LEAF]),
    (6, 8, [THIRD_PAIR, FOURTH_PAIR, ROOTS[4]]),
]
LINES = st.lists(st.binary(max_size=8), max_size=40)
TREES = LINES.filter(bool).map(lambda lines: [merkle.leaf_hash(line) for line in lines])


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of 2.1.1."""
    if len(leaves) < 2:
        return leaves[0] if leaves else EMPTY
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return merkle.node_hash(naive_root(leaves[:k]), naive_root(leaves[k:]))


def naive_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of 2.1.3.1."""
    if len(leaves) < 2:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if index < k:
        return [*naive_path(index, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(index - k, leaves[k:]), naive_root(leaves[:k])]


def naive_consistency(first: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF of 2.1.4.1."""
    if first == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if first <= k:
        return [*naive_consistency(first, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_consistency(first - k, leaves[k:], False), naive_root(leaves[:k])]


def grown(leaves: list[bytes]) -> tuple[Edge, dict[Place, bytes]]:
    """The edge of the tree and all of its complete subtrees, as a log would have stored them."""
    edge, known = Edge(), {}
    for index, leaf in enumerate(leaves):
        known[Place(0, index)] = leaf
        known.update(edge.add(leaf))
    return edge, known


REFERENCE = [merkle.leaf_hash(line) for line in INPUTS]


@pytest.mark.parametrize("size", range(9))
def test_root_is_that_of_the_reference(size: int) -> None:
    assert grown(REFERENCE[:size])[0].root.hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size", "path"), INCLUSIONS)
def test_audit_path_is_that_of_the_reference(index: int, size: int, path: list[str]) -> None:
    _, known = grown(REFERENCE[:size])
    made = merkle.folded(merkle.inclusion(index, size), known)
    assert [node.hex() for node in made] == path
    assert merkle.verify_inclusion(REFERENCE[index], index, size, made, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("first", "second", "path"), CONSISTENCIES)
def test_consistency_proof_is_that_of_the_reference(first: int, second: int, path: list[str]) -> None:
    _, known = grown(REFERENCE[:second])
    made = merkle.folded(merkle.consistency(first, second), known)
    roots = bytes.fromhex(ROOTS[first]), bytes.fromhex(ROOTS[second])
    assert [node.hex() for node in made] == path
    assert merkle.verify_consistency(first, second, *roots, made)


@given(TREES, st.data())
def test_roots_and_proofs_are_those_of_the_definition(leaves: list[bytes], data: st.DataObject) -> None:
    edge, known = grown(leaves)
    assert edge.root == naive_root(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    assert merkle.folded(merkle.inclusion(index, len(leaves)), known) == naive_path(index, leaves)
    first = data.draw(st.integers(1, len(leaves)))
    assert merkle.folded(merkle.consistency(first, len(leaves)), known) == naive_consistency(first, leaves)


@given(TREES, st.data())
def test_every_leaf_is_proven_and_nothing_else_is(leaves: list[bytes], data: st.DataObject) -> None:
    size, root = len(leaves), naive_root(leaves)
    index = data.draw(st.integers(0, size - 1))
    path = naive_path(index, leaves)
    assert merkle.verify_inclusion(leaves[index], index, size, path, root)
    assert not merkle.verify_inclusion(EMPTY, index, size, path, root)
    assert not merkle.verify_inclusion(leaves[index], index, size, path, EMPTY)
    assert not merkle.verify_inclusion(leaves[index], size, size, path, root)
    assert not merkle.verify_inclusion(leaves[index], index, size, [*path, root], root)
    for place in range(len(path)):
        wrong = [*path[:place], EMPTY, *path[place + 1 :]]
        assert not merkle.verify_inclusion(leaves[index], index, size, wrong, root)
        assert not merkle.verify_inclusion(leaves[index], index, size, path[:place], root)


@given(TREES, st.data())
def test_a_beginning_is_proven_and_nothing_else_is(leaves: list[bytes], data: st.DataObject) -> None:
    second, root = len(leaves), naive_root(leaves)
    first = data.draw(st.integers(1, second))
    before, path = naive_root(leaves[:first]), naive_consistency(first, leaves)
    assert merkle.verify_consistency(first, second, before, root, path)
    assert not merkle.verify_consistency(first, second, EMPTY, root, path)
    assert not merkle.verify_consistency(first, second, before, EMPTY, path)
    assert not merkle.verify_consistency(first, second, before, root, [*path, EMPTY])
    for place in range(len(path)):
        wrong = [*path[:place], EMPTY, *path[place + 1 :]]
        assert not merkle.verify_consistency(first, second, before, root, wrong)
        assert not merkle.verify_consistency(first, second, before, root, path[:place])


def test_the_empty_tree_is_the_beginning_of_any_and_the_end_of_none() -> None:
    root = naive_root(REFERENCE)
    assert merkle.verify_consistency(0, 8, EMPTY, root, [])
    assert not merkle.verify_consistency(0, 8, root, root, [])
    assert not merkle.verify_consistency(8, 0, root, EMPTY, [])
    assert merkle.consistency(0, 8) == merkle.consistency(8, 8) == []


def test_a_proof_over_a_subtree_that_is_not_known_is_taken_by_nobody() -> None:
    edge, known = grown(REFERENCE)
    del known[Place(2, 1)]
    path = merkle.folded(merkle.inclusion(0, 8), known)
    assert path[-1] == b""
    assert not merkle.verify_inclusion(REFERENCE[0], 0, 8, path, edge.root)


@given(LINES, LINES)
def test_an_edge_taken_up_again_grows_the_same_tree(before: list[bytes], after: list[bytes]) -> None:
    leaves = [merkle.leaf_hash(line) for line in (*before, *after)]
    _, known = grown(leaves[: len(before)])
    edge = Edge(len(before), [known[place] for place in merkle.covering(0, len(before))])
    for leaf in leaves[len(before) :]:
        edge.copy().add(EMPTY)
        edge.add(leaf)
    assert (edge.size, edge.root) == (len(leaves), naive_root(leaves))


def test_an_edge_needs_a_hash_for_each_complete_subtree() -> None:
    with pytest.raises(ValueError, match="2 complete subtrees"):
        Edge(3, [EMPTY])
