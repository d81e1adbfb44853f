#!/usr/bin/env bash
# Redirects this machine's outgoing TLS to the interception listener (Linux, iptables), for sidecars and for programs that
# read no HTTPS_PROXY:  scripts/intercept.sh up|down|status
#
#   POINTSMAN_UID     user the proxy runs as; its own traffic is exempt, or it would call itself
#   POINTSMAN_CGROUP  instead, or besides: its control group (cgroup v2), as system.slice/pointsman.service, for a proxy and
#                     programs of one user; the group must be there already, and the kernel must know `-m cgroup --path`
#   POINTSMAN_PORT    port of [intercept] listen; 8443
#   POINTSMAN_PORTS   outgoing ports, by commas; 443
#   POINTSMAN_IPV6    `past` where ip6tables cannot be used and connections over IPv6 may go past, unseen
#
# `up` needs one of the first two, and refuses a user that is not the one who listens on the port. All rules stand in one chain
# of our own, so `down` leaves nothing behind and `up` may be repeated. Hosts off the list reach
# where they were going, unread, with off_list = "tunnel". A listener on 127.0.0.1 takes IPv4 only: connections over IPv6 are
# refused meanwhile rather than let past, and clients go on to IPv4. Where this machine has an address of IPv6 that leads outside
# and ip6tables cannot be used, `up` refuses. UDP (QUIC) is not touched: clients that speak it to a host of
# the list go past. `status` ends with 0 when on, 1 when off, 3 when that cannot be seen.
set -Eeuo pipefail

chain=POINTSMAN
port=${POINTSMAN_PORT:-8443}
ports=${POINTSMAN_PORTS:-443}

usage() {
    sed -n '2,17p' "$0" | cut -c3- >&2
    exit 2
}

# A family without a nat table (IPv6 switched off) has nothing to redirect.
tables() {
    for table in iptables ip6tables; do
        if command -v "$table" >/dev/null 2>&1 && "$table" -w -t nat -n -L OUTPUT >/dev/null 2>&1; then
            echo "$table"
        fi
    done
}

# Without the right to look at rules, `down` would say nothing and leave all, and `status` would say off.
may_look() {
    if [ -z "$(tables)" ]; then
        echo "no nat table can be looked at: run this as root (CAP_NET_ADMIN), with iptables installed" >&2
        exit 3
    fi
}

# Whether connections over IPv6 can leave this machine: by an address that is neither of loopback nor of the link alone, with
# which no router passes anything on.
has_ipv6() {
    awk '$4 != "10" && $4 != "20" { found = 1 } END { exit !found }' /proc/net/if_inet6 2>/dev/null
}

# Half of the traffic redirected in silence would look like all of it.
check_families() {
    local found
    found=" $(tables | tr '\n' ' ')"
    if [[ $found != *" iptables "* ]]; then
        echo "iptables cannot be used here, so connections over IPv4 would go past; nothing was changed" >&2
        exit 1
    fi
    if [[ $found == *" ip6tables "* ]] || ! has_ipv6; then return; fi
    if [ "${POINTSMAN_IPV6:-}" != past ]; then
        echo "this machine has an address of IPv6 and ip6tables cannot be used (nat table), so connections over IPv6 would go" \
            "past; nothing was changed. Install ip6tables, switch IPv6 off, or let them: POINTSMAN_IPV6=past" >&2
        exit 1
    fi
    echo "POINTSMAN_IPV6=past: connections over IPv6 go past, unseen" >&2
}

run() {
    echo "+ $*"
    "$@"
}

down() {
    for table in $(tables); do
        while "$table" -w -t nat -C OUTPUT -p tcp -j "$chain" 2>/dev/null; do
            run "$table" -w -t nat -D OUTPUT -p tcp -j "$chain"
        done
        if "$table" -w -t nat -n -L "$chain" >/dev/null 2>&1; then
            run "$table" -w -t nat -F "$chain"
            run "$table" -w -t nat -X "$chain"
        fi
    done
}

# The users who listen now where REDIRECT leads, our port of 127.0.0.1, as the kernel shows them; nothing while nobody does.
listeners() {
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v port="$(printf '%04X' "$port")" '
            { split($2, at, ":") }
            $4 == "0A" && at[2] == port && (at[1] ~ /^0+$/ || at[1] ~ /^(0000000000000000FFFF0000)?0100007F$/) { print $8 }' |
        sort -u
}

# Rules for the wrong user would lead the proxy's traffic back to the proxy.
check_user() {
    local uid=$1 found
    if ! [[ $uid =~ ^[0-9]+$ ]]; then
        uid=$(id -u "$uid" 2>/dev/null) || { echo "POINTSMAN_UID: there is no user $1" >&2; exit 1; }
    fi
    found=$(listeners)
    if [ -n "$found" ] && ! grep -qx "$uid" <<<"$found"; then
        echo "port $port is listened on by user $(tr '\n' ' ' <<<"$found")and not by POINTSMAN_UID=$1: the proxy's own traffic" \
            "would be led back to it; nothing was changed" >&2
        exit 1
    fi
}

# Exempts what a match names, or says why that cannot be.
exempt() {
    local table=$1
    shift
    if ! run "$table" -w -t nat -A "$chain" "$@" -j RETURN; then
        echo "$table: this kernel does not take \`$*\`; for a control group it needs xt_cgroup, cgroup v2 and a group that is" \
            "there: use POINTSMAN_UID otherwise" >&2
        return 1
    fi
}

up() {
    local uid=${POINTSMAN_UID:-} group=${POINTSMAN_CGROUP:-}
    if [ -z "$uid$group" ]; then
        echo "POINTSMAN_UID: name the user the proxy runs as (or POINTSMAN_CGROUP): its own traffic must be exempt" >&2
        exit 1
    fi
    if [ -n "$group" ] && [ -z "${group//\//}" ]; then
        echo "POINTSMAN_CGROUP: everything is in the group \`$group\`, so nothing would be redirected" >&2
        exit 1
    fi
    if [ -n "$uid" ]; then check_user "$uid"; fi
    check_families
    down
    # Half a set of rules would be worse than none.
    trap 'down' ERR
    for table in $(tables); do
        local here=127.0.0.0/8
        if [ "$table" = ip6tables ]; then here=::1/128; fi
        run "$table" -w -t nat -N "$chain"
        if [ -n "$uid" ]; then exempt "$table" -m owner --uid-owner "$uid"; fi
        if [ -n "$group" ]; then exempt "$table" -m cgroup --path "${group#/}"; fi
        run "$table" -w -t nat -A "$chain" -d "$here" -j RETURN
        run "$table" -w -t nat -A "$chain" -p tcp -m multiport --dports "$ports" -j REDIRECT --to-ports "$port"
        run "$table" -w -t nat -A OUTPUT -p tcp -j "$chain"
    done
    trap - ERR
}

status() {
    local found=1
    for table in $(tables); do
        if "$table" -w -t nat -C OUTPUT -p tcp -j "$chain" 2>/dev/null; then
            echo "$table: on"
            "$table" -w -t nat -S "$chain"
            found=0
        else
            echo "$table: off"
        fi
    done
    if [[ $'\n'"$(tables)" != *$'\n'ip6tables* ]] && has_ipv6; then
        echo "ip6tables: cannot be used: connections over IPv6 go past"
    fi
    return "$found"
}

case "${1:-}" in
    up) may_look; up ;;
    down) may_look; down ;;
    status) may_look; status ;;
    *) usage ;;
esac
