"""Start the demo app: `python examples/demo_app/main.py [--reload]`. Its settings: settings.py."""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from settings import DEMO_URL

if __name__ == "__main__":
    place = urlsplit(DEMO_URL)
    reload = "--reload" in sys.argv
    uvicorn.run(
        "app:app",
        host=place.hostname or "127.0.0.1",
        port=place.port or 80,
        reload=reload,
        reload_dirs=[str(Path(__file__).parent)] if reload else None,
        log_level="warning",
        access_log=False,  # its lines would carry the code that the portal sends
        server_header=False,
    )
