#!/usr/bin/env python3
"""Notes when each row's record became readable, and so durable: `id time` a line.

bench/arrivals.py HOST:PORT STREAM FILE
"""

import http.client
import json
import sys
import time


def main():
    address, stream, file = sys.argv[1:]
    connection = http.client.HTTPConnection(address)
    connection.request("GET", f"/v1/streams/{stream}/tail?from=latest")
    answer = connection.getresponse()
    with open(file, "w") as arrivals:
        for line in iter(answer.readline, b""):
            now = time.time()
            row = json.loads(json.loads(line)["data"])["data"]
            arrivals.write(f"{row['id']} {now}\n")
            arrivals.flush()


if __name__ == "__main__":
    main()
