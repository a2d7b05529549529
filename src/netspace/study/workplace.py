"""What a worker does: open its device and images once, then for each job build the network, train it and report."""

import traceback

from netspace.arch.built import network_from
from netspace.arch.code import know_file
from netspace.errors import DataError, NetspaceError
from netspace.models import build
from netspace.store import Epoch, Outcome
from netspace.store.in_hand import curve_writer
from netspace.study.jobs import Event, Failed, Finished, Job, JobContext, Unfit, identity
from netspace.training import TrainResult, train
from netspace.training.clock import Clock
from netspace.training.device import is_out_of_memory, usable_device
from netspace.training.images.data import ImageData, load_data


class Workplace:
    """The device and the images of a worker, opened with its first job and held from then on.

    Args:
        context: what all networks of the study share.
        device: where to train.
        data: the images of `context`; None to take them from the cache.
    """

    def __init__(self, context: JobContext, device: str, data: ImageData | None = None) -> None:
        self._context = context
        self._device = device
        self._given = data
        self._data: ImageData | None = None

    def execute(self, job: Job) -> Event:
        """Train one network and return what came of it; an exception becomes an event, so that the study goes on."""
        with Clock() as clock:
            return self._execute(job, clock)

    def _execute(self, job: Job, clock: Clock) -> Event:
        try:
            data = self._open()
        except Exception as error:
            # whatever it is, it is there before the network is
            message = str(error) if isinstance(error, NetspaceError) else f"{type(error).__name__}: {error}"
            return Unfit(run_id=job.run_id, message=" ".join(message.split()))
        return _trained(job, self._context, self._device, data, clock)

    def _open(self) -> ImageData:
        """Return the images.

        Raises:
            TrainingError: the device cannot be used.
            DataError: the images are missing, broken, or not those of the study any more.
        """
        if self._data is None:
            usable_device(self._device)
            context = self._context
            for path in context.code:
                know_file(path)
            data = self._given or load_data(context.data, context.resolution, root=context.root)
            if context.images not in (None, identity(data)):
                raise DataError(
                    f"{context.data.source}: the images have changed since the study was started on them, and results "
                    f"must not be mixed: restore them, or give the study another name"
                )
            self._data = data
        return self._data


def _trained(job: Job, context: JobContext, device: str, data: ImageData, clock: Clock) -> Event:
    try:
        config = network_from(job.config, "the run's network")
        recipe = context.recipe.model_copy(update=dict(job.recipe))
        model = build(config, seed=job.seed, **recipe.build_options())
        checkpoints = context.checkpoints
        trained_here: list[Epoch] = []
        show = None if checkpoints is None else curve_writer(checkpoints.folder, job.run_id)

        def keep(epoch: Epoch) -> None:
            trained_here.append(epoch)
            if show is not None:
                show(epoch)

        result = train(
            model,
            data,
            recipe,
            seed=job.seed,
            device=device,
            on_epoch=keep,
            resume_from=None if checkpoints is None else checkpoints.path(job),
            checkpoint_seconds=0.0 if checkpoints is None else checkpoints.seconds,
            checkpoint_needed=False,
        )
        resumed = len(result.curve) - len(trained_here)
        return Finished(run_id=job.run_id, outcome=_outcome(result, data.chance_error, resumed, clock.paused))
    except DataError as error:
        # they were sound when they were opened: what they are read from has gone
        return Unfit(run_id=job.run_id, message=str(error))
    except NetspaceError as error:
        return Failed(run_id=job.run_id, message=str(error))
    except Exception as error:
        # whatever a single network provokes is that network's failure, with its evidence, not the study's
        tail = "".join(traceback.format_exception(error)[-6:])
        memory = "out of memory: " if is_out_of_memory(error) else ""
        return Failed(run_id=job.run_id, message=f"{memory}{type(error).__name__}: {error}\n{tail}")


def _outcome(result: TrainResult, chance_error: float, resumed: int, paused: float) -> Outcome:
    return Outcome(
        status=result.status,
        error=result.error,
        curve=result.curve,
        seconds=result.seconds,
        environment=result.environment,
        details={
            "images_per_second": result.images_per_second,
            "memory_share": result.memory_share,
            "chance_error": chance_error,
            "balanced_error": result.balanced_error,
            "split_digest": result.split_digest,
            "epochs_resumed": resumed,  # taken over from a checkpoint of an attempt before
            "seconds_paused": paused,  # of the last attempt; not in `seconds`
        },
    )
