#!/bin/sh
# Tests the application at $URL. CvManager sets CV_VERSION in the pod of a gate. Exit code 0 passes; the last lines of the output are in the
# status of the ContainerVersion, and if the gate fails also in its event and history.
attempts=10
fail() { echo "$URL: $1"; exit 1; }

# The version may still be rolling out.
until version=$(timeout 5 wget -q -O - "$URL/version") && [ "$version" = "$CV_VERSION" ]; do
  attempts=$((attempts - 1))
  [ "$attempts" -gt 0 ] || fail "expected version $CV_VERSION, found ${version:-no response}"
  sleep 2
done
timeout 5 wget -q -O - "$URL/" | grep -q '<title>cvm-example</title>' || fail "the page is incomplete"
echo "$URL serves version $CV_VERSION: all tests passed"
