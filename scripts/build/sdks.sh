# Sourced, behind needs.sh: real SDKs of both languages (pinned) in target/clients. Sets `python` to an interpreter that has them and
# `node` to a folder with Node's, or leaves them empty and says why.
sdks() {
    local home="target/clients" what="the Python SDKs"
    python="" node=""
    mkdir -p "$home"
    if ! command -v python3 >/dev/null; then
        without python3 "$what"
    elif ! { [ -x "$home/venv/bin/python" ] || python3 -m venv "$home/venv"; }; then
        without python-venv "$what"
    elif ! "$home/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement tests/clients/requirements.txt; then
        without python-packages "$what"
    else
        python="$home/venv/bin/python"
    fi
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
