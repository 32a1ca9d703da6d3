import stat

import httpx
import pytest

from spurclust.errors import CatalogError
from spurclust.inspection.web.security import (
    HEADERS,
    LINKS,
    MAX_BODY,
    TOKEN_HEADER,
    host_name,
    secret_keys,
    token_of,
)


class TestSecretKeys:
    def test_they_stay_and_differ(self, tmp_path):
        first = secret_keys(tmp_path, ["anna", "ben"])
        assert len(set(first.values())) == 2
        assert secret_keys(tmp_path, ["ben"]) == {"ben": first["ben"]}
        assert secret_keys(tmp_path, ["anna", "carl"])["anna"] == first["anna"]

    def test_only_the_owner_reads_them(self, tmp_path):
        secret_keys(tmp_path, ["anna"])
        assert stat.S_IMODE((tmp_path / LINKS).stat().st_mode) == 0o600

    @pytest.mark.parametrize("name", ["", "a\nb", "x" * 61, "\u202eanna"])
    def test_odd_names_are_refused(self, tmp_path, name):
        with pytest.raises(CatalogError, match="give a name"):
            secret_keys(tmp_path, [name])

    @pytest.mark.parametrize("text", ["{", "[1]", "\x00"])
    def test_a_broken_file_is_named(self, tmp_path, text):
        (tmp_path / LINKS).write_text(text)
        with pytest.raises(CatalogError, match=LINKS):
            secret_keys(tmp_path, ["anna"])


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost", "localhost"),
        ("127.0.0.1:8765", "127.0.0.1"),
        ("[::1]:8765", "::1"),
        ("Evil.example:80", "evil.example"),
        ("[", ""),
        ("", ""),
    ],
)
def test_the_name_of_a_host_is_without_its_port(header, name):
    assert host_name(header) == name


def get(unchanged, path, **headers):
    return httpx.get(f"http://127.0.0.1:{unchanged.port}{path}", headers=headers)


class TestGuard:
    def test_the_link_sets_a_cookie_that_scripts_and_other_sites_do_not_get(self, unchanged):
        answer = httpx.get(unchanged.link())
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "anna" in answer.text

    @pytest.mark.parametrize("path", ["/", "/inspect.js", "/api/start", "/cutouts/x/0", "/no"])
    def test_nothing_is_shown_without_the_cookie(self, unchanged, path):
        answer = get(unchanged, path)
        assert answer.status_code == 403
        assert "link" in answer.text

    def test_a_wrong_secret_opens_nothing(self, unchanged):
        assert get(unchanged, "/enter?key=guess").status_code == 403
        assert get(unchanged, "/enter").status_code == 403
        assert get(unchanged, "/", Cookie="inspect=guess").status_code == 403
        assert get(unchanged, "/", Cookie='inspect="\\303\\251"').status_code == 403

    @pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8765", ""])
    def test_another_name_of_the_host_is_refused(self, unchanged, reader, host):
        assert reader.get("/", headers={"Host": host}).status_code == 421
        assert get(unchanged, f"/enter?key={unchanged.keys['anna']}", Host=host).status_code == 421

    def test_a_tunnel_from_another_port_is_let_through(self, reader):
        assert reader.get("/", headers={"Host": "localhost:9999"}).status_code == 200

    @pytest.mark.parametrize("path", ["/api/verdicts", "/api/undo"])
    def test_a_change_needs_the_token_of_the_inspector(self, unchanged, reader, path):
        for token in ("", "wrong", token_of(unchanged.keys["ben"])):
            answer = reader.post(path, json={"n": 1}, headers={TOKEN_HEADER: token})
            assert answer.status_code == 403
            assert "token" in answer.text
        assert reader.get(path).status_code == 405

    def test_large_requests_are_not_read(self, reader):
        answer = reader.post("/api/verdicts", content=b" " * (MAX_BODY + 1))
        assert answer.status_code == 413

    def test_requests_without_a_length_are_not_read(self, reader):
        assert reader.post("/api/verdicts", content=iter([b"{}"])).status_code == 411

    @pytest.mark.parametrize("path", ["/", "/api/next", "/no", "/enter"])
    def test_every_answer_has_the_policy(self, reader, path):
        headers = reader.get(path).headers
        assert {name: headers[name] for name in HEADERS} == HEADERS
        assert "unsafe" not in headers["Content-Security-Policy"]
