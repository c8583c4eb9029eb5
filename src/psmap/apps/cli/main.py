"""The command line: one command answers one clinical question."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

import psmap
from psmap.domain.refusal import Refused

RESEARCH_ONLY = "Research use only. Not a medical device."

app = typer.Typer(
    name="psmap",
    help=f"psmap maps a PSMA PET/CT to the decision it should change. {RESEARCH_ONLY}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Study = Annotated[str | None, typer.Argument(metavar="[STUDY]", help="Folder of DICOM, or a zip of one.")]
PetFile = Annotated[str | None, typer.Option("--pet", metavar="PATH", help="PET in SUVbw as NIfTI, instead of STUDY.")]
CtFile = Annotated[str | None, typer.Option("--ct", metavar="PATH", help="CT in HU as NIfTI, beside --pet.")]
TracerName = Annotated[str | None, typer.Option("--tracer", help="Tracer, overriding the header: psma-11, fdg ...")]
PetSeries = Annotated[str | None, typer.Option(help="SeriesInstanceUID (or its end) of the PET to read.")]
CtSeries = Annotated[str | None, typer.Option(help="SeriesInstanceUID (or its end) of the CT to read.")]
WeightKg = Annotated[float | None, typer.Option(help="Body weight in kg, overriding the header.")]
HeightM = Annotated[float | None, typer.Option(help="Body height in m, overriding the header.")]
AcceptSuv = Annotated[bool, typer.Option("--accept-suv", help="Go on with an SUV that the activity balance doubts.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing but refusals.")]
Segmenter = Annotated[
    str,
    typer.Option(
        metavar="WHO",
        help="Who names the organs: psmap, totalsegmentator, totalsegmentator-fast, a label map, a folder of masks, "
        "or none.",
    ),
]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Print every step and choice.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"psmap {psmap.__version__}. {RESEARCH_ONLY}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def read(
    study: Study = None,
    out: Annotated[str | None, typer.Option("-o", "--out", metavar="PATH", help="Folder for the results.")] = None,
    pet: PetFile = None,
    ct: CtFile = None,
    tracer: TracerName = None,
    history: Annotated[str | None, typer.Option(metavar="PATH", help="history.json: what images cannot know.")] = None,
    threshold: Annotated[
        str | None, typer.Option(help="Border of a site: an SUV (3.0, the default), a percentage (41%), or 'liver'.")
    ] = None,
    liver: Annotated[str | None, typer.Option(metavar="PATH", help="Liver mask on the PET grid (NIfTI).")] = None,
    findings: Annotated[
        str | None, typer.Option(metavar="PATH", help="Your own lesions: label map on the PET grid (NIfTI).")
    ] = None,
    segmenter: Segmenter = "psmap",
    watershed: Annotated[bool, typer.Option(help="Split touching sites.")] = True,
    peak: Annotated[str, typer.Option(help="SUVpeak: max_mean or at_max / fractional or binary.")] = (
        "max_mean/fractional"
    ),
    pet_series: PetSeries = None,
    ct_series: CtSeries = None,
    weight_kg: WeightKg = None,
    height_m: HeightM = None,
    accept_suv: AcceptSuv = False,
    deidentify: Annotated[bool, typer.Option(help="Replace names and UIDs in everything written.")] = False,
    force: Annotated[bool, typer.Option(help="Forget results already in OUT and start afresh.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Everything that one PET/CT tells: sites of raised uptake, burden, report."""
    if out is None:
        raise typer.BadParameter("say where the results go", param_hint="'-o' / '--out'")
    with _progress(quiet) as progress:
        case = psmap.read(
            study,
            out,
            pet=pet,
            ct=ct,
            tracer=tracer,
            history=history,
            threshold=threshold,
            liver=liver,
            findings=findings,
            segmenter=segmenter,
            watershed=watershed,
            peak=peak,
            pet_series=pet_series,
            ct_series=ct_series,
            weight_kg=weight_kg,
            height_m=height_m,
            accept_suv=accept_suv,
            deidentify=deidentify,
            force=force,
            progress=progress,
        )
    if quiet and case.withheld:
        typer.echo(f"psmap: burden withheld: {case.withheld}; cure: mend the header, or --accept-suv", err=True)
    if as_json:
        typer.echo((Path(out) / "case.json").read_text(encoding="utf-8"), nl=False)
    elif not quiet:
        for line in psmap.show(case, Path(out), verbose=verbose):
            typer.echo(line)


@app.command()
def anatomy(
    study: Study = None,
    out: Annotated[str | None, typer.Option("-o", "--out", metavar="PATH", help="Folder for the label map.")] = None,
    ct: Annotated[str | None, typer.Option("--ct", metavar="PATH", help="CT in HU as NIfTI, instead of STUDY.")] = None,
    pet: Annotated[
        str | None, typer.Option("--pet", metavar="PATH", help="PET in SUVbw as NIfTI, alone or beside --ct.")
    ] = None,
    segmenter: Segmenter = "psmap",
    pet_series: PetSeries = None,
    ct_series: CtSeries = None,
    force: Annotated[bool, typer.Option(help="Forget results already in OUT and start afresh.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Where is what? Organs, bones and vessels by name, as a label map."""
    if study is None and ct is None and pet is None:
        raise typer.BadParameter("give STUDY, --ct or --pet", param_hint="STUDY")
    if out is None:
        raise typer.BadParameter("say where the results go", param_hint="'-o' / '--out'")
    with _progress(quiet) as progress:
        found = psmap.anatomy(
            study,
            out,
            ct=ct,
            pet=pet,
            segmenter=segmenter,
            pet_series=pet_series,
            ct_series=ct_series,
            force=force,
            progress=progress,
            tell=(lambda line: None) if quiet or as_json else typer.echo,
        )
    if as_json:
        typer.echo((Path(out) / "anatomy.json").read_text(encoding="utf-8"), nl=False)
    elif not quiet:
        for line in psmap.show(found, Path(out), verbose=verbose):
            typer.echo(line)


@app.command()
def batch(
    studies: Annotated[
        list[str] | None, typer.Argument(metavar="STUDIES...", help="Folders or zips of DICOM, one a study.")
    ] = None,
    out: Annotated[
        str | None, typer.Option("-o", "--out", metavar="PATH", help="Folder for the results of all.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("-j", "--jobs", help="Studies at once; as many as there are cores if not given.")
    ] = None,
    engine: Annotated[str, typer.Option(help="Where studies are read: process (here) or dask (a cluster).")] = (
        "process"
    ),
    scheduler: Annotated[str | None, typer.Option(help="Address of the Dask scheduler: tcp://HOST:8786.")] = None,
    tracer: TracerName = None,
    threshold: Annotated[
        str | None, typer.Option(help="Border of a site: an SUV (3.0), a percentage (41%), or 'liver'.")
    ] = None,
    segmenter: Annotated[
        str,
        typer.Option(metavar="WHO", help="Who names the organs: psmap, totalsegmentator, totalsegmentator-fast, none."),
    ] = "psmap",
    watershed: Annotated[bool, typer.Option(help="Split touching sites.")] = True,
    peak: Annotated[str, typer.Option(help="SUVpeak: max_mean or at_max / fractional or binary.")] = (
        "max_mean/fractional"
    ),
    accept_suv: AcceptSuv = False,
    deidentify: Annotated[bool, typer.Option(help="Replace names and UIDs in everything written.")] = False,
    force: Annotated[bool, typer.Option(help="Read all studies afresh.")] = False,
    quiet: Quiet = False,
) -> None:
    """A whole cohort: each study read by itself, one table of how each came out."""
    if not studies:
        raise typer.BadParameter("give the folders or zips of DICOM", param_hint="STUDIES")
    if out is None:
        raise typer.BadParameter("say where the results go", param_hint="'-o' / '--out'")
    with _progress(quiet) as progress:
        done = psmap.batch(
            studies,
            out,
            jobs=jobs,
            engine=engine,
            scheduler=scheduler,
            tracer=tracer,
            threshold=threshold,
            segmenter=segmenter,
            watershed=watershed,
            peak=peak,
            accept_suv=accept_suv,
            deidentify=deidentify,
            force=force,
            progress=progress,
        )
    if not done.all_done:
        _leave(f"psmap: {done.line}; the reasons are in {done.table.name}")
    if not quiet:
        typer.echo(f"{done.line}; see {done.table.name}")


@app.command()
def suv(
    study: Study = None,
    out: Annotated[
        str | None, typer.Option("-o", "--out", metavar="PATH", help="Write the SUV image (NIfTI) here.")
    ] = None,
    pet_series: PetSeries = None,
    weight_kg: WeightKg = None,
    height_m: HeightM = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Can I trust the SUV? Factor, rule, the trace of every tag, and the other reading where there are two."""
    if study is None:
        raise typer.BadParameter("give the folder or zip of DICOM", param_hint="STUDY")
    with _progress(quiet or as_json) as progress:
        found = psmap.suv(study, out, pet_series=pet_series, weight_kg=weight_kg, height_m=height_m, progress=progress)
    if as_json:
        typer.echo(json.dumps(found.document, indent=2, allow_nan=False))
    elif not quiet:
        for line in found.lines:
            typer.echo(line)


@app.command()
def demo(
    out: Annotated[str, typer.Option("-o", "--out", metavar="PATH", help="Folder for the study and its results.")] = (
        "psmap-demo"
    ),
    seed: Annotated[int | None, typer.Option(help="Seed of the man, or of the body phantom's noise.")] = None,
    scenario: Annotated[str | None, typer.Option(help="Of the man: bcr_low_psa, oligo or advanced.")] = None,
    tracer: Annotated[str | None, typer.Option(help="Of the man: psma-11, psma-1007, dcfpyl or fdg.")] = None,
    iec: Annotated[bool, typer.Option("--iec", help="An IEC-type body phantom instead of a man.")] = False,
    psf_mm: Annotated[float | None, typer.Option(help="With --iec: FWHM of the point spread, mm; 5.")] = None,
    noise: Annotated[float | None, typer.Option(help="With --iec: relative noise of the background; 0.05.")] = None,
    force: Annotated[bool, typer.Option(help="Start afresh.")] = False,
    quiet: Quiet = False,
) -> None:
    """Show me, on a digital man whose every truth is known: found against true."""
    with _progress(quiet) as progress:
        shown = psmap.demo(
            out,
            iec=iec,
            seed=seed,
            scenario=scenario,
            tracer=tracer,
            psf_mm=psf_mm,
            noise=noise,
            force=force,
            progress=progress,
        )
    if not quiet:
        for line in shown.lines:
            typer.echo(line)


@app.command()
def phantom(
    out: Annotated[str | None, typer.Option("-o", "--out", metavar="PATH", help="Folder for the men.")] = None,
    count: Annotated[int, typer.Option("-n", "--count", help="How many men.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the first man; the others follow by one.")] = 1,
    tracer: Annotated[str, typer.Option(help="psma-11, psma-1007, dcfpyl or fdg.")] = "psma-11",
    scenario: Annotated[
        str | None, typer.Option(help="bcr_low_psa, oligo or advanced; a third each if not given.")
    ] = None,
    voxel_mm: Annotated[float, typer.Option(help="Edge of the voxels of PET and CT, mm.")] = 4.0,
    field: Annotated[str, typer.Option(help="body (vertex to mid-thigh) or pelvis.")] = "body",
    layout: Annotated[str, typer.Option("--format", help="dicom or nifti.")] = "dicom",
    maker: Annotated[str | None, typer.Option(help="Whose DICOM: siemens, ge or philips; drawn if not given.")] = None,
    contrast: Annotated[bool, typer.Option("--contrast", help="Contrast medium in the CT.")] = False,
    height_m: Annotated[
        float | None, typer.Option(help="Height in m; drawn if not given, as all that follows.")
    ] = None,
    weight_kg: Annotated[float | None, typer.Option(help="Weight in kg.")] = None,
    bmi: Annotated[float | None, typer.Option(help="BMI in kg/m2, instead of the weight.")] = None,
    age: Annotated[float | None, typer.Option(help="Age in years.")] = None,
    arms: Annotated[str | None, typer.Option(help="up or down.")] = None,
    bladder_ml: Annotated[float | None, typer.Option(help="Urine in the bladder, mL.")] = None,
    prostate_ml: Annotated[float | None, typer.Option(help="Volume of the prostate, mL.")] = None,
    prostatectomy: Annotated[bool | None, typer.Option(help="The prostate was taken out, or was not.")] = None,
    prosthesis: Annotated[str | None, typer.Option(help="Hip prosthesis: left, right or none.")] = None,
    jobs: Annotated[int | None, typer.Option("-j", "--jobs", help="Men at once; as many as there are cores.")] = None,
    quiet: Quiet = False,
) -> None:
    """Digital men, PET and CT with every truth beside them."""
    if out is None:
        raise typer.BadParameter("say where the men go", param_hint="'-o' / '--out'")
    with _progress(quiet) as progress:
        made = psmap.men(
            out,
            count=count,
            seed=seed,
            tracer=tracer,
            scenario=scenario,
            voxel_mm=voxel_mm,
            field=field,
            layout=layout,
            maker=maker,
            contrast=contrast,
            height_m=height_m,
            weight_kg=weight_kg,
            bmi=bmi,
            age=age,
            arms=arms,
            bladder_ml=bladder_ml,
            prostate_ml=prostate_ml,
            prostatectomy=prostatectomy,
            prosthesis=prosthesis,
            jobs=jobs,
            progress=progress,
        )
    if not quiet:
        for folder in made:
            typer.echo(str(folder))


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str], None]]:
    """A spinner on standard error that names the step at work; silent where that is no terminal.

    Ctrl-C within it ends the program with one line; typer, which would end it with its own, sees only the end.
    """
    try:
        if quiet or not sys.stderr.isatty():
            yield lambda step: None
            return
        from rich.console import Console

        with Console(stderr=True).status("reading") as status:
            yield lambda step: status.update(step)
    except KeyboardInterrupt:
        _leave("psmap: stopped; run the same command again to go on")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with 0 (done), 1 (refused: one line says what, where, cure) or 2 (wrong usage)."""
    gc.set_threshold(100_000, 20, 50)  # imports and DICOM make objects by the million and hardly any rubbish
    try:
        result: Any = app(args=arguments, standalone_mode=True)
    except Refused as refusal:
        _leave(f"psmap: refused: {refusal}")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        name = Path(error.filename).name if error.filename else ""
        _leave(f"psmap: refused: {error.strerror or type(error).__name__} [{name}]; cure: check the path and the disk")
    except KeyboardInterrupt:
        _leave("psmap: stopped; run the same command again to go on")
    sys.exit(result or 0)


def _leave(line: str) -> None:
    print(line, file=sys.stderr)
    sys.exit(1)
