"""python -m flowedge"""

from flowedge.cli import main

main()
