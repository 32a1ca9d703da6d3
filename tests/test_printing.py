from spurclust.printing import join_some


def test_long_lists_are_cut_short():
    assert join_some(["a"]) == "a"
    assert join_some([str(k) for k in range(10)]).endswith("8, 9")
    assert join_some([str(k) for k in range(12)]).endswith("9 and 2 more")
    assert join_some("abcd", 2) == "a, b and 2 more"
