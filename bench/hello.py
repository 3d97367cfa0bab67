"""The yardstick: the least that FastAPI on uvicorn can do, one GET and one echoed body."""

from __future__ import annotations

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI(openapi_url=None)


class Traits(BaseModel):
    """The same body as the write that is compared with it."""

    birth_name: str
    birth_first_names: list[str]
    sex: str
    birth_date: str
    birth_place: str


class Identity(BaseModel):
    """The traits and the structure's own number."""

    traits: Traits
    ipp: str


@app.get("/hello")
async def hello() -> dict[str, str]:
    return {"hello": "world"}


@app.post("/echo", status_code=201)
async def echo(identity: Identity) -> Identity:
    return identity
