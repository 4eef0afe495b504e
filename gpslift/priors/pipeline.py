"""The prior: one diffusers pipeline for compact and Stable Diffusion backbones, conditioned on text and place."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DiffusionPipeline
from diffusers.pipelines.pipeline_utils import ImagePipelineOutput
from torch import Tensor

from gpslift.conditioning.city_place import CityPlaceEncoder
from gpslift.conditioning.landmark_place import LandmarkPlaceEncoder
from gpslift.conditioning.place import Place, concatenate_places, values_given
from gpslift.conditioning.text import encode_text
from gpslift.priors.beside import forget_origin, read_beside, write_beside
from gpslift.priors.composition import Scales, compose_branches
from gpslift.priors.condition import Condition, Texts, effective_scales, texts_of
from gpslift.priors.denoising import denoise
from gpslift.priors.first_noise import first_noise
from gpslift.priors.folding import PixelFolding
from gpslift.priors.gated_attention import install_gates
from gpslift.priors.output_types import check_output_type, in_form


class PlaceDiffusionPipeline(DiffusionPipeline):
    """Makes images from text and place. Loads and saves as a diffusers folder.

        pipeline = PlaceDiffusionPipeline.from_pretrained("assets/priors/statue_of_liberty")
        images = pipeline(place={"azimuth_deg": [0.0, 90.0]}, guidance_scale=3.0).images

    A place is a dict of the place encoder's `inputs` (of a city also {"latitude": [...], "longitude": [...]}); what is
    missing or NaN is unknown. `caption` is the text used where none is given, `image_size` the side of the images in
    pixels. What lies beside the weights (see `gpslift.priors.beside`) is loaded, saved and pushed to a hub with them.
    diffusers' offloading to the CPU is not supported: places and noise are made where the U-Net lies.
    """

    def __init__(
        self,
        vae: AutoencoderKL | PixelFolding,
        text_encoder: Any,
        tokenizer: Any,
        unet: Any,
        place_encoder: LandmarkPlaceEncoder | CityPlaceEncoder,
        scheduler: Any,
        image_size: int = 512,
        caption: str = "",
    ) -> None:
        super().__init__()
        self.register_modules(
            vae=vae,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            unet=unet,
            place_encoder=place_encoder,
            scheduler=scheduler,
        )
        self.register_to_config(image_size=image_size, caption=caption)
        install_gates(unet, place_encoder)
        self.beside: dict[str, str] = {}
        self._schedule: tuple[Tensor, Tensor] | None = None

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **settings: Any) -> "PlaceDiffusionPipeline":
        """See DiffusionPipeline. Of a hub id, `load_prior` alone loads what lies beside the weights, too."""
        pipeline: PlaceDiffusionPipeline = super().from_pretrained(pretrained_model_name_or_path, **settings)
        if not {"dtype", "torch_dtype"} & settings.keys():
            pipeline.text_encoder.float()  # as diffusers loads the others: transformers keeps what the file has
        pipeline.beside = read_beside(Path(pretrained_model_name_or_path))
        return pipeline

    def save_pretrained(self, save_directory: str | Path, *arguments: Any, **settings: Any) -> None:
        """See DiffusionPipeline."""
        super().save_pretrained(str(save_directory), *arguments, **settings)
        forget_origin(Path(save_directory))
        write_beside(self.beside, Path(save_directory))

    def _upload_folder(self, working_dir: str | Path, *arguments: Any, **settings: Any) -> Any:
        """See PushToHubMixin, which has just put a card without content into the folder."""
        write_beside(self.beside, Path(working_dir))
        return super()._upload_folder(working_dir, *arguments, **settings)

    @property
    def image_size(self) -> int:
        """Side of the images, pixels."""
        return int(self.config["image_size"])

    @property
    def caption(self) -> str:
        """The text used where none is given."""
        return str(self.config["caption"])

    @property
    def place_kind(self) -> str:
        """What a place says: `azimuth` or `gps`."""
        return str(self.place_encoder.place_kind)

    @property
    def alphas_cumprod(self) -> Tensor:
        """The cumulative noise schedule [T]: noisy = sqrt(a) clean + sqrt(1 - a) noise."""
        return self.scheduler.alphas_cumprod

    def alpha_at(self, timestep: Tensor, like: Tensor) -> Tensor:
        """The schedule's values at timesteps [B], as [B, 1, ...] with the dimensions, format and device of `like`."""
        schedule = self._schedule_on(like.device)
        return schedule[timestep.long()].to(like.dtype).view(-1, *[1] * (like.ndim - 1))

    def _schedule_on(self, device: torch.device) -> Tensor:
        """The schedule on a device, where it is kept: each upload would wait for the GPU."""
        if self._schedule is None or self._schedule[0] is not self.alphas_cumprod or self._schedule[1].device != device:
            self._schedule = self.alphas_cumprod, self.alphas_cumprod.to(device)
        return self._schedule[1]

    @property
    def networks(self) -> dict[str, torch.nn.Module]:
        """The parts that hold weights."""
        return {
            "vae": self.vae,
            "text_encoder": self.text_encoder,
            "unet": self.unet,
            "place_encoder": self.place_encoder,
        }

    def encode_condition(self, text: Sequence[str], place: Place) -> Condition:
        """The condition of B texts and B places. The empty text and a place of NaNs are the nulls."""
        return self.condition(self.encode_text(text), place)

    def encode_text(self, text: Sequence[str]) -> Tensor:
        """Text tokens [B, L, C] of B texts."""
        return encode_text(self.tokenizer, self.text_encoder, text)

    def condition(self, text_tokens: Tensor, place: Place) -> Condition:
        """The condition of text tokens [B, L, C] and B places."""
        place_tokens = self.place_encoder(place).to(text_tokens.dtype)
        tokens = torch.cat([text_tokens, place_tokens], 1)
        if self.unet.config.class_embed_type != "projection":
            return Condition(tokens, None)
        pooled = self.place_encoder.pool(place_tokens)
        if self.unet.config.projection_class_embeddings_input_dim > pooled.shape[1]:  # room for the mean text token
            pooled = torch.cat([pooled, text_tokens.mean(1)], 1)
        return Condition(tokens, pooled)

    def to_latents(self, images: Tensor) -> Tensor:
        """Images [B, 3, H, W] in [0, 1] to latents; differentiable. A VAE gives its mean: nothing is random here."""
        images = (2 * images - 1).to(self.vae.dtype)
        return self.vae.encode(images).latent_dist.mode() * self.vae.config.scaling_factor

    def from_latents(self, latents: Tensor) -> Tensor:
        """Latents to images [B, 3, H, W] in [0, 1], clipped."""
        images = self.vae.decode(latents.to(self.vae.dtype) / self.vae.config.scaling_factor).sample
        return ((images.float() + 1) / 2).clamp(0, 1)

    def add_noise(self, latents: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        """sqrt(a_t) latents + sqrt(1 - a_t) noise for timesteps [B]."""
        alpha = self.alpha_at(timestep, latents)
        return alpha.sqrt() * latents + (1 - alpha).sqrt() * noise

    def predict_raw(self, noisy: Tensor, timestep: Tensor, condition: Condition) -> Tensor:
        """What the U-Net itself predicts, noise or velocity, as the scheduler's `prediction_type` says."""
        dtype = self.unet.dtype
        pooled = None if condition.pooled is None else condition.pooled.to(dtype)
        timestep = timestep.to(noisy.device)
        raw: Tensor = self.unet(noisy.to(dtype), timestep, condition.tokens.to(dtype), pooled, return_dict=False)[0]
        return raw

    def predict_noise(self, noisy: Tensor, timestep: Tensor, condition: Condition) -> Tensor:
        """The noise in `noisy` [B, C, h, w] at timesteps [B], whatever the U-Net itself predicts."""
        return self.noise_from_raw(self.predict_raw(noisy, timestep, condition).to(noisy.dtype), noisy, timestep)

    def noise_from_raw(self, raw: Tensor, noisy: Tensor, timestep: Tensor) -> Tensor:
        """Noise from what the U-Net predicts; velocity is converted: e = sqrt(a) v + sqrt(1 - a) x."""
        if self.scheduler.config.prediction_type == "epsilon":
            return raw
        alpha = self.alpha_at(timestep, noisy)
        return alpha.sqrt() * raw + (1 - alpha).sqrt() * noisy

    def raw_target(self, clean: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        """What the U-Net should predict of clean latents [B, ...] with this noise at timesteps [B].

        The noise itself, or the velocity sqrt(a) e - sqrt(1 - a) x_0.
        """
        if self.scheduler.config.prediction_type == "epsilon":
            return noise
        alpha = self.alpha_at(timestep, clean)
        return alpha.sqrt() * noise - (1 - alpha).sqrt() * clean

    def predict_clean(self, noisy: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        """The clean latents that `noisy` holds if its noise is `noise`: (x - sqrt(1 - a) e) / sqrt(a)."""
        alpha = self.alpha_at(timestep, noisy)
        return (noisy - (1 - alpha).sqrt() * noise) / alpha.sqrt().clamp_min(1e-6)

    def guided_noise(self, noisy: Tensor, timestep: Tensor, branches: Condition, scales: Scales) -> Tensor:
        """Guided noise [B, ...] in one batched U-Net call. `branches`: of `guidance_branches` for the same scales."""
        return self.noise_from_raw(self.guided_raw(noisy, timestep, branches, scales), noisy, timestep)

    def guided_raw(self, noisy: Tensor, timestep: Tensor, branches: Condition, scales: Scales) -> Tensor:
        """As `guided_noise`, in the U-Net's own terms: velocities compose as noises do, as one is affine in the other.

        Velocity keeps its digits where a timestep has almost no signal left; noise does not.
        """
        count = len(branches.tokens) // len(noisy)
        repeated = noisy.repeat(count, *[1] * (noisy.ndim - 1))
        raw = self.predict_raw(repeated, timestep.repeat(count), branches).to(noisy.dtype).chunk(count)
        return compose_branches(raw, scales)

    def guidance_branches(
        self, text: Sequence[str], place: Place, scales: Scales, negative: str = "", texts: Texts | None = None
    ) -> Condition:
        """The conditions that these scales need, one after the other.

        (p,g) alone without guidance; (0,0) and (p,g) where both scales are equal; (p,0) and (p,g) where the text's is
        1; else (0,0), (p,0) and (p,g). negative: the text of what is not to be seen; it takes the empty one's place,
        or, with Perp-Neg, comes first: (n,0), (0,0), ... texts: where tokens come from; by default the text encoder.
        """
        encode, perp_neg = texts or self.encode_text, scales.perp_neg > 0
        told, nowhere = [(text, place)], self.place_encoder.nowhere(place)
        if scales.text != scales.place:
            told.insert(0, (text, nowhere))
        if perp_neg or scales.text != 1:
            told.insert(0, ([negative if not perp_neg else ""] * len(text), nowhere))
        if perp_neg:
            told.insert(0, ([negative] * len(text), nowhere))
        tokens = encode([one for branch, _ in told for one in branch])
        return self.condition(tokens, concatenate_places([where for _, where in told]))

    @torch.no_grad()
    def sample(
        self,
        place: dict[str, Any],
        count: int,
        prompt: str | Sequence[str] | None = None,
        num_inference_steps: int = 30,
        guidance_scale_text: float = 1.0,
        guidance_scale_place: float = 1.0,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        as_latents: bool = False,
        guidance_rescale: float = 0.0,
    ) -> Tensor:
        """`count` images [count, 3, H, W] in [0, 1]. A place's values are one for all or one an image.

        prompt: one for all or one an image; None or "" is the caption. Without any text the place's scale alone counts
        (paper: e(0,0) + w [e(0,g) - e(0,0)]), without any place the text's. generator: one for all, or one an image,
        which makes each image independent of the others beside it.
        as_latents: their latents [count, C, h, w] instead. guidance_rescale: against saturation, 0 to 1.
        Raises ValueError for prompts, and UserError for values of the place, that are neither one nor `count`.
        """
        device = self.unet.device
        text = texts_of(prompt, count, self.caption)
        whole = self.place_encoder.complete(place, count, device)
        scales = Scales(guidance_scale_text, guidance_scale_place, rescale=guidance_rescale)
        scales = effective_scales(text, whole, scales)
        branches = self.guidance_branches(text, whole, scales)
        noise = first_noise(self.unet, count, generator, device)

        def guided(noisy: Tensor, timestep: Tensor) -> Tensor:
            return self.guided_raw(noisy, timestep, branches, scales)

        latents = denoise(self, noise, num_inference_steps, guided, generator)
        return latents if as_latents else self.from_latents(latents)

    def __call__(
        self,
        prompt: str | Sequence[str] | None = None,
        *,
        place: dict[str, Any] | None = None,
        count: int | None = None,
        num_inference_steps: int = 30,
        guidance_scale: float = 1.0,
        guidance_scale_text: float | None = None,
        guidance_scale_place: float | None = None,
        guidance_rescale: float = 0.0,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
    ) -> ImagePipelineOutput | tuple[Any]:
        """As `sample`, in diffusers' form: an object whose `.images` are N images; a tuple of them without return_dict.

        place: None is unknown, the text alone counts. count: N; by default as many as there are places or prompts.
        guidance_scale: of text and place together, where `guidance_scale_text` or `guidance_scale_place` says no other.
        output_type: "pil": PIL images; "pt": a tensor [N, 3, H, W] in [0, 1]; "np": an array [N, H, W, 3] in [0, 1];
        "latent": latents [N, C, h, w]. Raises ValueError for any other, and what `sample` raises.
        """
        check_output_type(output_type)
        place, texts = place or {}, 1 if prompt is None or isinstance(prompt, str) else len(prompt)
        images = self.sample(
            place,
            count or max(values_given(place), texts),
            prompt,
            num_inference_steps,
            guidance_scale if guidance_scale_text is None else guidance_scale_text,
            guidance_scale if guidance_scale_place is None else guidance_scale_place,
            generator,
            as_latents=output_type == "latent",
            guidance_rescale=guidance_rescale,
        )
        formed = in_form(images, output_type)
        return ImagePipelineOutput(images=formed) if return_dict else (formed,)
