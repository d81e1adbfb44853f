#!/usr/bin/env bash
# Real coding agents (Claude Code, Codex, OpenCode; pinned) against the proxy and models of every dialect, on loopback: each is
# asked once, calls a tool and says the last word. Installs them into target/agents. Optional: no test needs it.
set -euo pipefail
cd "$(dirname "$0")/.."
home="target/agents"
mkdir -p "$home"
npm install --prefix "$home" --silent --no-save --no-audit --no-fund \
    @anthropic-ai/claude-code@2.1.197 @openai/codex@0.171.0 opencode-ai@1.18.33
cargo build --locked --quiet
python3 tests/clients/agents.py target/debug/pointsman "$PWD/$home/node_modules/.bin"
