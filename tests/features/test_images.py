from zlib import crc32

import numpy as np

from spurclust.features.images import content_keys


def test_contents_of_one_crc32_have_an_order_of_their_own():
    words = ["plumless", "buckeroo"]
    assert len({crc32(word.encode()) for word in words}) == 1
    one, other = content_keys(words)
    assert one != other
    rows = np.array([[*word.encode()] for word in words], dtype=np.uint8)
    assert content_keys(rows).tolist() == [one, other]
