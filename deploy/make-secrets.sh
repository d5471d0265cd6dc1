#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the secrets of an installation in a directory; keeps those that are there: make-secrets.sh DIRECTORY [DATABASE-HOST]
set -eu
umask 077
directory=$1
database_host=${2:-postgres}
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
keep database-url "postgres://switchboard:$(cat "${directory}/postgres-password")@${database_host}:5432/switchboard"
keep secret-key "$(random)$(random)"
keep grpc-token "$(random)"
keep internal-api-token "$(random)"
