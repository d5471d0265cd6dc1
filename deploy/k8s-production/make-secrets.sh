#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the secrets of an installation in secrets/ beside this file; keeps those that are there.
set -eu
umask 077
directory="$(dirname "$0")/secrets"
mkdir -p "${directory}"

random() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

keep() {
    if [ ! -s "${directory}/$1" ]; then
        printf '%s' "$2" >"${directory}/$1"
        echo "made ${directory}/$1"
    fi
}

keep postgres-password "$(random)"
keep database-url "postgres://switchboard:$(cat "${directory}/postgres-password")@postgres:5432/switchboard"
keep secret-key "$(random)$(random)"
keep grpc-token "$(random)"
