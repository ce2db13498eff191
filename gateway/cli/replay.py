"""`gridsentinel replay FILE RECORDING`: what the rules of a configuration would have raised on a recording.

A capture of the network may stand alone: then the cyber checks look at it with their defaults.
"""

import argparse
import sys
from contextlib import closing
from pathlib import Path

from gateway.cli.progress import Progress
from gateway.cli.times import moment
from gateway.config import Config, ConfigError
from gateway.config.loader import load
from gateway.config.model import Identity, Uplink
from gateway.core.messages import Alarm
from gateway.recording.opened import is_capture
from gateway.recording.source import BadRecording, between
from gateway.replay import page
from gateway.replay.picture import picture, subject_of
from gateway.replay.run import Replay
from gateway.replay.story import Story, told_by
from gateway.replay.taught import Lesson
from gateway.replay.traces import Traces

WELL, FAILED, BAD_CONFIGURATION = 0, 1, 78


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="configuration file with the rules to try; or a capture alone"
    )
    parser.add_argument(
        "recording",
        type=Path,
        nargs="?",
        metavar="RECORDING",
        help="CSV, Parquet, a store.db, a state_dir, or its recording; a capture: pcap, pcapng",
    )
    parser.add_argument(
        "--learn", type=Lesson.parse, metavar="PART", help="the first part only teaches: 30%% of a capture, or seconds"
    )
    parser.add_argument("--from", dest="begin", type=moment, metavar="TIME", help="from then on (ISO 8601)")
    parser.add_argument("--to", dest="end", type=moment, metavar="TIME", help="until then")
    parser.add_argument("--json", action="store_true", help="write each alarm message as a line of JSON")
    parser.add_argument("--picture", type=Path, metavar="SVG", help="draw the worst of it into this file")
    parser.add_argument("--compare", action="store_true", help="compare with the alarms that the recording carries")
    parser.add_argument("--against", type=Path, metavar="OTHER", help="compare with the rules of another configuration")


def run(arguments: argparse.Namespace) -> int:
    """Replay it; 0 when it could be read, 1 when not, 78 when a configuration is none."""
    try:
        config = _configured(arguments)
        other = load(arguments.against) if arguments.against else None
        return _replayed(arguments, config, other)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return BAD_CONFIGURATION
    except BrokenPipeError:  # of who reads, not of the recording
        raise
    except (BadRecording, OSError) as error:
        print(error, file=sys.stderr)
        return FAILED


def _configured(arguments: argparse.Namespace) -> Config:
    """Return the configuration that is named; for a capture that stands alone, one of defaults."""
    if arguments.recording is not None:
        return load(arguments.file)
    if not is_capture(arguments.file):
        raise BadRecording(f"{arguments.file}: only a capture may stand alone; FILE RECORDING is needed")
    arguments.recording = arguments.file
    return Config(gateway=Identity(site="capture", name="replay"), uplink=Uplink(url="mqtt://localhost"))


def _replayed(arguments: argparse.Namespace, config: Config, other: Config | None) -> int:
    with closing(Replay(config, arguments.recording, arguments.begin, arguments.end, lesson=arguments.learn)) as replay:
        story = _told(replay, as_json=arguments.json)
        before = _before(arguments, replay, other)
        print((page.summary if arguments.json else page.page)(story, replay, before))
        if arguments.picture:
            _draw(arguments, replay, story)
    return WELL


def _told(replay: Replay, *, as_json: bool = False) -> Story:
    """Carry the recording through, and return what was raised."""
    story, progress = Story(), Progress("replay")
    for message in replay.messages(progress):
        story.hear((message,))
        if as_json and isinstance(message, Alarm):
            print(page.line(message))
    progress.done()
    return story


def _before(arguments: argparse.Namespace, replay: Replay, other: Config | None) -> tuple[str, Story] | None:
    """Return what there was otherwise, and where."""
    if other is not None:
        with closing(
            Replay(other, arguments.recording, arguments.begin, arguments.end, lesson=arguments.learn)
        ) as replayed:
            return str(arguments.against), _told(replayed)
    if not arguments.compare:
        return None
    carried = replay.source.alarms()
    if carried is None:
        raise BadRecording(f"{arguments.recording} carries no alarms; --against OTHER.yaml compares with other rules")
    begin, end = arguments.begin or 0, arguments.end or 1 << 63
    return "in the recording", told_by(alarm for alarm in carried if begin <= alarm.last_ns < end)


def _draw(arguments: argparse.Namespace, replay: Replay, story: Story) -> None:
    """Read the flagged stretch a second time, and draw it."""
    subject = subject_of(story, replay.points, replay.first_ns, replay.last_ns)
    if subject is None:
        print(f"nothing was raised: {arguments.picture} was not drawn", file=sys.stderr)
        return
    traces = Traces(subject.rows, subject.from_ns, subject.to_ns)
    with closing(replay.again()) as again:
        traces.take(between(again.told(), subject.from_ns, subject.to_ns))
    arguments.picture.write_text(picture(story, replay.points, traces))
