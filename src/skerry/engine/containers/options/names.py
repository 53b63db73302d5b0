"""Names for containers that were given none."""

from __future__ import annotations

import os

_LEFT = (
    "able amber ample apt arctic ardent autumn bold brave breezy bright brisk calm candid clever coastal cosy crisp "
    "deft eager early earnest easy ebbing fabled fair fearless fleet fond frosty gentle glad golden grand green hardy "
    "hazy hearty honest humble icy idle jolly keen kind lasting lively lucid lucky lunar mellow merry mild mossy neat "
    "nimble noble northern patient placid plucky polite proud quick quiet rapid ready rocky rugged salty sandy serene "
    "sharp silent silver sleek smart snowy solid spry steady still stormy sturdy sunny swift tender tidal tidy tranquil "
    "trusty upbeat vivid warm wary windy wise witty young zesty"
).split()
_RIGHT = (
    "albatross anchor auk barnacle bay beacon bight bollard bosun bowline brig buoy cairn cape capstan cockle coral cove "
    "crab current curlew cutter dinghy dipper dolphin dory dune eddy eider estuary fathom ferry fjord fulmar galley "
    "gannet gull gunwale haddock halyard harbour heron herring hull inlet island jetty kayak keel kelp kittiwake knot "
    "lagoon lantern ledge lichen limpet lobster lugger marlin mast mooring mussel narwhal oar osprey otter oyster "
    "petrel pier pilot plover porpoise puffin quay raft reef rigging rudder sail salmon sandpiper schooner seal shag "
    "shoal shore skerry skiff skua sloop spray starfish strait surf tern thrift tide trawler turnstone wake walrus wave "
    "wharf whelk wherry wrack yawl"
).split()


def random_name(attempt: int = 0) -> str:
    """``adjective_noun``; with a number once ``attempt`` says that names run out."""
    pick = int.from_bytes(os.urandom(4), "little")
    name = f"{_LEFT[pick % len(_LEFT)]}_{_RIGHT[(pick >> 12) % len(_RIGHT)]}"
    return name if attempt < 5 else f"{name}{(pick >> 24) % 100 + attempt}"
