"""frugalseg-viewer [folder]: start the viewer and open it in the browser."""

import argparse
import os
import pathlib
import socket
import subprocess
import sys

from . import demo

HOST = "127.0.0.1"  # images of patients are not for the network


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(
        prog="frugalseg-viewer",
        description="Segment MR series in the web browser. Serves this computer only.",
        epilog="Research software, not a medical device.",
    )
    parser.add_argument("folder", nargs="?", help="folder with DICOM series, or a NIfTI or NRRD file")
    parser.add_argument("--demo", action="store_true", help="open three synthetic scans, made on this machine")
    parser.add_argument("--model", default="", help="model chosen at the start (name or .fseg file)")
    parser.add_argument("--out", default="frugalseg-results", help="folder for exports (default: %(default)s)")
    parser.add_argument("--dataset", help="folder of labelled cases (default: dataset in the folder for exports)")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--no-browser", action="store_true", help="print the address, open no browser")
    options = parser.parse_args(arguments)
    if options.demo and options.folder:
        parser.error("give a folder or --demo, not both")
    if options.folder and not pathlib.Path(options.folder).exists():
        parser.error(f'there is no file or folder "{options.folder}"; check the path')
    if not 0 <= options.port <= 65535:
        parser.error("the port must be between 1 and 65535")
    return options


def free_port(wanted):
    """`wanted`, or any free port for 0; None when it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError:
            return None
        return probe.getsockname()[1]


def main():
    options = parse_arguments()
    port = free_port(options.port)
    if port is None:
        sys.exit(f"frugalseg-viewer: port {options.port} is in use; choose another with --port")
    os.environ.setdefault("TRAME_DISABLE_V3_WARNING", "1")
    # The page is on this computer: a busy processor is no reason to take it for gone (seconds).
    os.environ.setdefault("WSLINK_HEART_BEAT", "600")

    out = pathlib.Path(options.out)
    dataset = pathlib.Path(options.dataset) if options.dataset else out / "dataset"
    folder = options.folder
    if options.demo:
        try:
            folder = demo.make(out)
        except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
            sys.exit(f"frugalseg-viewer: no demo: {error}")

    from .app import FrugalSegViewer

    viewer = FrugalSegViewer(folder, options.model, out, dataset)
    print(f"FrugalSeg viewer: http://{HOST}:{port}/  (Ctrl+C ends it)", flush=True)
    print("Research software, not a medical device.", flush=True)
    # The server reads the command line itself unless it is told not to.
    sys.argv = sys.argv[:1]
    viewer.server.start(
        port=port, host=HOST, open_browser=not options.no_browser, show_connection_info=False, timeout=0
    )


if __name__ == "__main__":
    main()
