# Sourced, behind needs.sh: real SDKs of both languages (pinned) in target/clients. Sets `python` to an interpreter that has them and
# `node` to a folder with Node's, or leaves them empty and says why; `python_need` is then what Python's are missing.
sdks() {
    local home="target/clients" what="the Python SDKs"
    python="" node="" python_need=""
    mkdir -p "$home"
    if ! command -v python3 >/dev/null; then
        python_need=python3
    elif ! venv "$home/venv" || ! "$home/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement tests/clients/requirements.txt; then
        python_need=python-packages
    fi
    if [ -n "$python_need" ]; then without "$python_need" "$what"; else python="$home/venv/bin/python"; fi
    what="the SDKs of Node"
    mkdir -p "$home/node"
    cp tests/clients/package.json tests/clients/*.mjs "$home/node/"
    if ! command -v npm >/dev/null; then
        without npm "$what"
    elif ! (cd "$home/node" && npm install --silent --no-package-lock --no-audit --no-fund); then
        without node-packages "$what"
    else
        node="$home/node"
    fi
}

# Makes a virtual environment, or leaves nothing: half of one, without pip, would be taken for a whole one the next time.
venv() {
    if "$1/bin/python" -m pip --version >/dev/null 2>&1; then return; fi
    rm -rf "$1"
    python3 -m venv "$1" || { rm -rf "$1" && return 1; }
}
