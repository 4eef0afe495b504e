"""The compact backbone: a small pixel-folding prior, trained from scratch on any machine."""

from collections.abc import Sequence

from diffusers import DDIMScheduler, UNet2DConditionModel
from transformers import PreTrainedTokenizerBase

from gpslift.conditioning.place import PlaceEncoder
from gpslift.conditioning.text import HEAD_CHANNELS, build_text_encoder, train_tokenizer
from gpslift.errors import UserError
from gpslift.priors.folding import PixelFolding
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.schema.image_prior import BackboneConfig

NORM_GROUPS = 32


def build_scheduler(prediction: str) -> DDIMScheduler:
    """The cosine noise schedule (Nichol and Dhariwal 2021, eq. 17). Its last step has almost no signal left."""
    return DDIMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type=prediction,
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=0,
        timestep_spacing="trailing",
    )


def build_unet(backbone: BackboneConfig, pooled_width: int) -> UNet2DConditionModel:
    """A U-Net over folded pixels. Its middle attends to the tokens; what is pooled of them joins the time embedding."""
    depth = len(backbone.channels)
    return UNet2DConditionModel(
        sample_size=backbone.image_size // backbone.fold,
        in_channels=3 * backbone.fold**2,
        out_channels=3 * backbone.fold**2,
        block_out_channels=tuple(backbone.channels),
        layers_per_block=backbone.layers,
        down_block_types=("DownBlock2D",) * depth,
        mid_block_type="UNetMidBlock2DCrossAttn",
        up_block_types=("UpBlock2D",) * depth,
        cross_attention_dim=backbone.token_dim,
        attention_head_dim=4,
        resnet_time_scale_shift="scale_shift",
        norm_num_groups=NORM_GROUPS,
        class_embed_type="projection",
        projection_class_embeddings_input_dim=pooled_width,
        time_embedding_dim=2 * backbone.channels[0],
    )


def check_sizes(backbone: BackboneConfig) -> None:
    """Raises UserError where image, folding and U-Net do not fit each other."""
    if not backbone.channels:
        raise UserError("backbone.channels is empty; give one number of channels for each resolution")
    step = backbone.fold * 2 ** (len(backbone.channels) - 1)
    if backbone.image_size % step:
        raise UserError(
            f"backbone.image_size={backbone.image_size} must be a multiple of {step}: backbone.fold={backbone.fold} "
            f"pixels, halved {len(backbone.channels) - 1} times by backbone.channels={backbone.channels}"
        )
    if odd := [channels for channels in backbone.channels if channels % NORM_GROUPS]:
        raise UserError(f"backbone.channels holds {odd[0]}; each must be a multiple of {NORM_GROUPS}")
    if backbone.token_dim % HEAD_CHANNELS:
        raise UserError(f"backbone.token_dim={backbone.token_dim} must be a multiple of {HEAD_CHANNELS}")


def build_compact_prior(
    backbone: BackboneConfig,
    place_encoder: PlaceEncoder,
    captions: Sequence[str],
    caption: str,
    color_mean: tuple[float, float, float],
    color_std: tuple[float, float, float],
) -> PlaceDiffusionPipeline:
    """An untrained prior. captions: all texts that its tokenizer shall know. color_mean, color_std: see PixelFolding.

    Raises UserError for sizes that do not fit each other.
    """
    check_sizes(backbone)
    pooled_width = place_encoder.pooled_width + (backbone.token_dim if backbone.pooled_text else 0)
    tokenizer: PreTrainedTokenizerBase = train_tokenizer(captions)
    return PlaceDiffusionPipeline(
        vae=PixelFolding(backbone.fold, color_mean, color_std),
        text_encoder=build_text_encoder(tokenizer, backbone.token_dim, backbone.text_layers),
        tokenizer=tokenizer,
        unet=build_unet(backbone, pooled_width),
        place_encoder=place_encoder,
        scheduler=build_scheduler(backbone.prediction),
        image_size=backbone.image_size,
        caption=caption,
    )
