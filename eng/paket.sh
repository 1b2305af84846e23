#!/usr/bin/env bash
# Runs Paket against the NuGet source that this machine is configured with.
# The committed files name the source only as %SPN_NUGET_SOURCE%, so that the lock file suits
# a mirror as well as the public gallery; install, update and add write the real address into the
# lock file, and the trap below takes it out again, also when Paket fails.
# The feed may serve no dependency metadata: run update until the lock file stays the same.
set -euo pipefail

# The caller's folder is kept: the build passes output paths that are relative to a project.
lock="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/paket.lock"

if [ -z "${SPN_NUGET_SOURCE:-}" ]; then
    SPN_NUGET_SOURCE="$(dotnet nuget list source --format short | awk '/^E/ && $2 ~ /^http/ { print $2; exit }')"
fi
if [ -z "$SPN_NUGET_SOURCE" ]; then
    echo "eng/paket.sh: no enabled NuGet source found. See 'dotnet nuget list source', or set SPN_NUGET_SOURCE." >&2
    exit 1
fi
export SPN_NUGET_SOURCE

hide_source() {
    [ -f "$lock" ] || return 0
    grep -qF "$SPN_NUGET_SOURCE" "$lock" || return 0
    # A plain-text replacement: an address holds characters that sed would read as a pattern.
    awk -v address="$SPN_NUGET_SOURCE" '{
        at = index($0, address)
        print (at ? substr($0, 1, at - 1) "%SPN_NUGET_SOURCE%" substr($0, at + length(address)) : $0)
    }' "$lock" > "$lock.new"
    mv "$lock.new" "$lock"
}
trap hide_source EXIT

dotnet tool restore >/dev/null
dotnet paket "$@"
