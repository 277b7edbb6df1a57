"""The table of vendors' marks: what their keys begin with, which characters follow, and how many."""

from __future__ import annotations

from typing import Final

# One row a mark: the mark, the alphabet of what follows, and the least number of characters (or the only one, after
# `=`). Alphabets: h hexadecimal, u capitals and digits, a letters and digits, w words with hyphens and underscores,
# b base64 in both spellings, d words with dots.
TABLE: Final = """
sk- w16            sk_live_ a10       sk_test_ a10       pk_live_ a16       pk_test_ a16       rk_live_ a10
rk_test_ a10       rk_prod_ a10       sk_prod_ a10       pk-lf- w16         whsec_ b16         sk_org_ a16
ghp_ a30           gho_ a30           ghu_ a30           ghs_ a30           ghr_ a30           github_pat_ w22
glpat- d16         gldt- w16          glrt- d16          glptt- w16         glft- w16          glsoat- w16
gloas- w16         glcbt- w16         glimt- w16         glagent- w16       glffct- w16        glwt- w16
GR1348941 w16      glc_ b24           glsa_ w24          eyJrIjoi b40       eyJrdHki b40
AKIA u=16          ASIA u=16          ABIA u=16          ACCA u=16          A3TA u=16          AGPA u=16
AIDA u=16          AROA u=16          ANPA u=16          AIPA u=16          ANVA u=16          ABSK b80
bedrock-api-key- b16                  AIza w30           GOCSPX- w20        ya29. d20          1//0 w30
xoxb- w10          xoxa- w10          xoxp- w10          xoxr- w10          xoxs- w10          xoxe- w10
xoxo- w10          xoxc- w10          xoxd- b10          xoxe.xox d20       xapp- w16          npm_ a30
hf_ a30            api_org_ a30       pypi- w24          gsk_ a30           xai- a30           r8_ a30
tvly- w16          lsv2_ w24          ls__ a24           pplx- a30          nvapi- w24         csk- a30
tgp_v1_ w30        jina_ a30          pcsk_ w40          llx- a30           e2b_ a30           apify_api_ a30
dop_v1_ a40        doo_v1_ a40        dor_v1_ a40        shpat_ a24         shpca_ a24         shppa_ a24
shpss_ a24         shptka_ a24        sq0atp- w16        sq0csp- w16        sq0idp- w16        EAAA b40
EAAC a30           EAAG a40           EAAB a40           EAAM a40           sntrys_ b32        sntryu_ h=64
NRAK- a20          NRJS- a18          NRII- w18          NRAA- a20          NRRA- a20          NRSP- a16
NRBR- a18          PMAK- w24          PMAT- w24          dapi h=32          dose h=32          dkea h=32
rdme_ a40          lin_api_ a30       lin_oauth_ a30     pscale_tkn_ d20    pscale_oauth_ d20  pscale_pw_ d20
pscale_app_secret_ d20                fio-u- w30         pul- a30           ntn_ a32           secret_ a=43
duffel_live_ w30   duffel_test_ w30   EZAK a40           EZTK a40           FLWSECK w12        FLWPUBK w12
shippo_live_ a24   shippo_test_ a24   AKCp a40           cmVmdGtuOj b40     AGE-SECRET-KEY- u40
xkeysib- w32       xsmtpsib- w32      dnkey- w24         fo1_ w30           fm1_ b40           fm1r_ b40
fm1a_ b40          fm2_ b40           key- h=32          pubkey- h=32       figd_ w30          figo_ w30
figu_ w30          LTAI a16           AKID a20           IKID a20           CFPAT- w30         ATATT3 b40
ATCTT3 b40         ATSTT3 b40         ATBB a24           ATTA h40           BBDC- b30          dckr_pat_ w20
dckr_oat_ w20      CLOJARS_ a40       tfp_ d30           oy2 a=43           rubygems_ a40      sgp_ w30
slk_ a40           sbp_ w30           sb_secret_ w16     mdb_sa_sk_ w20     tk-us- w20         tk-eu- w20
ops_eyJ b60        A3- w30            ory_at_ w20        ory_st_ w20        patp_ w20          ddp_ a30
ddapi_ w20         hvs. d20           hvb. d20           hvr. d20           dp.pt. a20         dp.st. d20
dp.ct. a20         dp.sa. a20         dp.scim. a20       dp.audit. a20      SG. d30            sat. d20
pat. d30           dt0c01. d30        dt0s01. d30        dt0s02. d30        HRKU- w30          ico- a=32
s-s4t2ud- a40      s-s4t2af- a40      live_pub_ h30      test_pub_ h30      live_ h=35         test_ h=35
pk.eyJ d60         sk.eyJ d60         tk.eyJ d60         nfp_ w30           nfc_ w30           nfo_ w30
nfu_ w30           nfb_ w30           sha256~ w40        API- u26           sm_aat_ a16        sm_pat_ a16
sm_sat_ a16        squ_ a40           sqp_ a40           sqa_ a40           AQVN w30           v1.0- w100
4b1d a=38          3MVG d60           wx h=16            TlRMTVNTUA b40     LS0tLS1CRUdJTi b30
sdk- w=36          mob- w=36          sl. w60            sl.u. w60          cio_ a30           bkua_ a40
bkpi_ a30          phc_ a40           phx_ a40           phs_ a40           rpa_ a40           ak_live_ a20
ak_test_ a20       rzp_live_ a14      rzp_test_ a14      re_ w30            vcp_ a20           ctp_ a20
CCIPAT_ w30        CCIPRJ_ w30        sk_live- a20       ghst_ a30          dckrp_ w20         tskey- w20
pat-na1- w30       pat-eu1- w30       pmu_ a30           ubi_ a30           dd_api_ w20        bb_live_ w20
zpka_ w30          cfut_ a30          cfat_ a30          v1.public. d60     mia_ a40           nebius_ a40
sk_car_ a16        gms_ w30           wandb_v1_ w40      hvo_ w30           exa_ w30           deepl- w30
fc- h=32           sk_ h=48           fw_ a22            napi_ a40          p8e- a=32          IGQV a60
pat d=79           vercel_blob_rw_ w20                   access-sandbox- w=36
access-production- w=36
access-development- w=36              rnd_ a=28          glrtr- d16         sk-helicone- w16   pk_prod_ a16
AAAAAAAAAAAAAAAAAAAAA b50                   ZXlK b60          endr+ w30
""".split()


def rows() -> list[tuple[str, str, int, int]]:
    """Return mark, alphabet, least and greatest number of characters after the mark; the greatest is 0 for any."""
    table = []
    for mark, rule in zip(TABLE[::2], TABLE[1::2], strict=True):
        exact = rule[1] == "="
        count = int(rule[2:] if exact else rule[1:])
        table.append((mark, rule[0], count, count if exact else 0))
    return table
