# Sourced: what a test does where something it needs is missing, as tests/support/needs.rs and tests/clients/world.py do it.
#
#   POINTSMAN_TESTS_STRICT    1: that is a failure; 0, the default: it is left out, and said
#   POINTSMAN_TESTS_WITHOUT   needs that may be missing all the same, by their names: "iptables npm"
#   POINTSMAN_TESTS_LEFT_OUT  file that gets a line for each thing left out

# Leaves out what stands second for want of what stands first, or ends with 1.
without() {
    if [ "${POINTSMAN_TESTS_STRICT:-0}" != 0 ] && [[ " ${POINTSMAN_TESTS_WITHOUT:-} " != *" $1 "* ]]; then
        echo "FAILED: no $1, so this is not tested: $2; POINTSMAN_TESTS_WITHOUT=$1 would leave it out" >&2
        exit 1
    fi
    echo "SKIPPED: no $1: $2" >&2
    if [ -n "${POINTSMAN_TESTS_LEFT_OUT:-}" ]; then
        echo "no $1: $2" >>"$POINTSMAN_TESTS_LEFT_OUT"
    fi
}
