# Sourced: real SDKs of both languages (pinned) in target/clients. Sets `python` to an interpreter that has them and `node` to a
# folder with Node's, or leaves them empty and says why.
sdks() {
    local home="target/clients"
    python="" node=""
    mkdir -p "$home"
    if ! command -v python3 >/dev/null; then
        echo "SKIPPED: no python3, so no SDK is tested" >&2
        return
    fi
    [ -x "$home/venv/bin/python" ] || python3 -m venv "$home/venv" || { echo "SKIPPED: no venv" >&2; return; }
    if ! "$home/venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement tests/clients/requirements.txt; then
        echo "SKIPPED: the Python SDKs cannot be installed, so no SDK is tested" >&2
        return
    fi
    python="$home/venv/bin/python"
    if ! command -v npm >/dev/null; then
        echo "SKIPPED: no npm, so Node's SDKs are not tested" >&2
        return
    fi
    mkdir -p "$home/node"
    cp tests/clients/package.json tests/clients/*.mjs "$home/node/"
    if (cd "$home/node" && npm install --silent --no-package-lock --no-audit --no-fund); then
        node="$home/node"
    else
        echo "SKIPPED: Node's SDKs cannot be installed, so they are not tested" >&2
    fi
}
